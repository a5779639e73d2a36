/* The callers' side: arguments to a message, the answer to results. */
#include "server/keeper/ipc.h"
#include "server/outbound/outbound.h"
#include "server/outbound/outbound_op.h"
#include "server/outbound/ssh_message.h"

static void
add_request(struct buf *buf, const struct outbound_request *request)
{
	(void)buf_add_char(buf, OUTBOUND_HTTPS);
	ipc_add_field(buf, span_str(request->url));
	ipc_add_field(buf, span_str(request->method));
	ipc_add_field(buf, span_str(request->ca_pem));
	ipc_add_field(buf, span_str(request->tls_pin));
	ipc_add_field(buf, span_str(request->source));
	ipc_add_secret(buf, request->bearer);
	ipc_add_field(buf, span_str(request->user));
	ipc_add_secret(buf, request->password);
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

/* Send a message; *ret_answer reads what came back, whose bytes are out's. */
static int
exchange(struct outbound *outbound, const struct buf *in, struct buf *out,
	struct ipc_message *ret_answer, struct err *err)
{
	struct ipc_message answer;
	int rc = buf_check(in, err);

	if (rc == 0)
		rc = outbound_call(outbound, buf_span(in), out, err);
	if (rc != 0)
		return rc;
	answer = ipc_read(buf_span(out));
	if (ipc_take_byte(&answer) != OUTBOUND_GOOD)
		return take_failure(&answer, err);
	*ret_answer = answer;
	return 0;
}

static int
take_answer(struct ipc_message *message, struct arena *arena,
	struct outbound_answer *ret_answer, struct err *err)
{
	struct outbound_answer answer;
	int rc;

	answer.status = (int)ipc_take_u32(message);
	answer.body =
		arena_dup(arena, ipc_take_field(message, OUTBOUND_ANSWER_MAX));
	rc = ipc_end(message, err);
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
	struct ipc_message answer;
	struct buf in, out;
	int rc;

	buf_init(&in, OUTBOUND_MESSAGE_MAX);
	buf_init(&out, OUTBOUND_MESSAGE_MAX);
	add_request(&in, request);
	rc = exchange(outbound, &in, &out, &answer, err);
	if (rc == 0)
		rc = take_answer(&answer, arena, ret_answer, err);
	buf_clear(&in);
	buf_clear(&out);
	return rc;
}

int
outbound_ssh(struct outbound *outbound, const struct outbound_ssh *call,
	struct arena *arena, struct outbound_ssh_answer *ret_answer,
	struct err *err)
{
	struct ipc_message answer;
	struct buf in, out;
	int rc;

	buf_init(&in, OUTBOUND_MESSAGE_MAX);
	buf_init(&out, OUTBOUND_MESSAGE_MAX);
	ssh_message_add_call(&in, call);
	rc = exchange(outbound, &in, &out, &answer, err);
	if (rc == 0)
		rc = ssh_message_read_answer(&answer, arena, ret_answer, err);
	buf_clear(&in);
	buf_clear(&out);
	return rc;
}

int
outbound_ssh_scan(struct outbound *outbound, const char *host, int64_t port,
	const char *source, int64_t deadline_ms, struct arena *arena,
	struct outbound_ssh_offer *ret_offer, struct err *err)
{
	const struct outbound_scan scan = { host, port, source, deadline_ms };
	struct ipc_message answer;
	struct buf in, out;
	int rc;

	buf_init(&in, OUTBOUND_MESSAGE_MAX);
	buf_init(&out, OUTBOUND_MESSAGE_MAX);
	ssh_message_add_scan(&in, &scan);
	rc = exchange(outbound, &in, &out, &answer, err);
	if (rc == 0)
		rc = ssh_message_read_offer(&answer, arena, ret_offer, err);
	buf_clear(&in);
	buf_clear(&out);
	return rc;
}
