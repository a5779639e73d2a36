/* What every answer of the keeper is like, whatever it was asked. */
#ifndef SALLYPORT_TESTS_FUZZ_KEEPER_ANSWER_H
#define SALLYPORT_TESTS_FUZZ_KEEPER_ANSWER_H

#include <stdlib.h>

#include "server/keeper/ipc.h"
#include "server/keeper/keeper.h"

static inline void
check_answer(struct span bytes)
{
	struct ipc_message answer = ipc_read(bytes);

	if (ipc_take_byte(&answer) != 0) {
		(void)ipc_take_u32(&answer);
		(void)ipc_take_field(&answer, ERR_MESSAGE_MAX);
		(void)ipc_take_field(&answer, ERR_DETAIL_MAX);
	} else {
		while (!answer.bad && answer.rest.len > 0)
			(void)ipc_take_field(&answer, KEEPER_MESSAGE_MAX);
	}
	if (ipc_end(&answer, NULL) != 0)
		abort();
}

#endif
