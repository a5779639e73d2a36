/* The callers' side: arguments to a message, the answer to results. */
#include "server/keeper/ipc.h"
#include "server/outbound/outbound.h"
#include "server/outbound/outbound_op.h"

static void
add_request(struct buf *buf, const struct outbound_request *request)
{
	(void)buf_add_char(buf, OUTBOUND_HTTPS);
	ipc_add_field(buf, span_str(request->url));
	ipc_add_field(buf, span_str(request->ca_pem));
	ipc_add_secret(buf, request->bearer);
	ipc_add_field(buf, request->json);
	ipc_add_u32(buf, request->json.data != NULL);
	ipc_add_u32(buf, request->allows_plain);
	ipc_add_u32(buf, (uint32_t)request->answer_max);
	ipc_add_u32(buf, (uint32_t)request->deadline_ms);
}

static int
take_failure(struct ipc_message *message, struct err *err)
{
	const int code = -(int)ipc_take_u32(message);
	const int status = (int)ipc_take_u32(message);
	const struct span text = ipc_take_field(message, ERR_MESSAGE_MAX);
	int rc = ipc_end(message, err);

	if (rc != 0)
		return rc;
	return err_set(err, code < 0 ? code : ERR_PEER, status, "%.*s",
		(int)text.len, (const char *)text.data);
}

static int
take_answer(struct span bytes, struct arena *arena,
	struct outbound_answer *ret_answer, struct err *err)
{
	struct ipc_message message = ipc_read(bytes);
	struct outbound_answer answer;
	int rc;

	if (ipc_take_byte(&message) != OUTBOUND_GOOD)
		return take_failure(&message, err);
	answer.status = (int)ipc_take_u32(&message);
	answer.body =
		arena_dup(arena, ipc_take_field(&message, OUTBOUND_ANSWER_MAX));
	rc = ipc_end(&message, err);
	if (rc == 0 && answer.body.data == NULL)
		rc = err_set_memory(err);
	if (rc == 0)
		*ret_answer = answer;
	return rc;
}

int
outbound_https(struct outbound *outbound,
	const struct outbound_request *request, struct arena *arena,
	struct outbound_answer *ret_answer, struct err *err)
{
	struct buf in, out;
	int rc;

	buf_init(&in, OUTBOUND_MESSAGE_MAX);
	buf_init(&out, OUTBOUND_MESSAGE_MAX);
	add_request(&in, request);
	rc = buf_check(&in, err);
	if (rc == 0)
		rc = outbound_call(outbound, buf_span(&in), &out, err);
	if (rc == 0)
		rc = take_answer(buf_span(&out), arena, ret_answer, err);
	buf_clear(&in);
	buf_clear(&out);
	return rc;
}
