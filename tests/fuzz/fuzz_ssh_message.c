/*
 * Messages of calls over SSH, whichever the first byte says: what was read and
 * written again reads as the same.
 */
#include <stdlib.h>

#include "server/outbound/ssh_message.h"

#define MESSAGE_MAX ((size_t)16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool
rewrite_call(struct ipc_message in, struct arena *arena, struct buf *out)
{
	struct outbound_ssh call;

	if (ssh_message_read_call(&in, arena, &call, NULL) != 0)
		return false;
	ssh_message_add_call(out, &call);
	return true;
}

static bool
rewrite_answer(struct ipc_message in, struct arena *arena, struct buf *out)
{
	struct outbound_ssh_answer answer;

	if (ssh_message_read_answer(&in, arena, &answer, NULL) != 0)
		return false;
	ssh_message_add_answer(out, &answer);
	return true;
}

static bool
rewrite_scan(struct ipc_message in, struct arena *arena, struct buf *out)
{
	struct outbound_scan scan;

	if (ssh_message_read_scan(&in, arena, &scan, NULL) != 0)
		return false;
	ssh_message_add_scan(out, &scan);
	return true;
}

static bool
rewrite_offer(struct ipc_message in, struct arena *arena, struct buf *out)
{
	struct outbound_ssh_offer offer;

	if (ssh_message_read_offer(&in, arena, &offer, NULL) != 0)
		return false;
	ssh_message_add_offer(out, &offer);
	return true;
}

static const struct {
	bool (*rewrite)(struct ipc_message, struct arena *, struct buf *);
	size_t op_len; /* before what is read */
} forms[] = {
	{ rewrite_call, 1 },
	{ rewrite_answer, 0 },
	{ rewrite_scan, 1 },
	{ rewrite_offer, 0 },
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const size_t form = len == 0 ? 0 : data[0] % ARRAY_LEN(forms);
	struct arena *arena = arena_new(MESSAGE_MAX);
	struct buf once, twice;

	buf_init(&once, MESSAGE_MAX);
	buf_init(&twice, MESSAGE_MAX);
	if (forms[form].rewrite(
		    ipc_read(span_skip(span_of(data, len), 1)), arena, &once)) {
		if (!forms[form].rewrite(ipc_read(span_skip(buf_span(&once),
						 forms[form].op_len)),
			    arena, &twice) ||
			!span_equal(buf_span(&once), buf_span(&twice)))
			abort();
	}
	buf_clear(&twice);
	buf_clear(&once);
	arena_free(&arena);
	return 0;
}
