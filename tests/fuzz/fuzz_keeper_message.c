/* Any bytes as a message to the keeper: an answer of good form comes back. */
#include <stdlib.h>

#include "server/keeper/ipc.h"
#include "server/keeper/keeper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct keeper *keeper = NULL;
	struct buf out;

	if (keeper_new(&keeper, NULL) != 0)
		abort();
	buf_init(&out, KEEPER_MESSAGE_MAX);
	if (keeper_call(keeper, span_of(data, len), &out, NULL) != 0)
		abort();
	check_answer(buf_span(&out));
	buf_clear(&out);
	keeper_free(&keeper);
	return 0;
}
