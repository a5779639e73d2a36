/* Any bytes as a message to the keeper: an answer of good form comes back. */
#include <stdlib.h>

#include "tests/fuzz/keeper_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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
