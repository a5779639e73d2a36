/* Outbound's own side: it reads a message, calls, writes the answer. */
#include "server/outbound/outbound.h"

#include <stdlib.h>

#include <libssh/libssh.h>

#include "lib/blocking.h"
#include "lib/lock.h"
#include "server/keeper/ipc.h"
#include "server/outbound/halt.h"
#include "server/outbound/https.h"
#include "server/outbound/outbound_op.h"
#include "server/outbound/ssh.h"
#include "server/outbound/ssh_scan.h"

#define ARENA_MAX (4 * OUTBOUND_MESSAGE_MAX)

static struct guard outbound_guard;

struct outbound {
	struct halt halt;
	pthread_mutex_t mutex;
	pthread_cond_t fewer;                 /* calls */
	int calls GUARDED_BY(outbound_guard); /* under way */
};

int
outbound_new(struct outbound **ret_outbound, struct err *err)
{
	struct outbound *outbound = calloc(1, sizeof(*outbound));
	int rc;

	if (outbound == NULL)
		return err_set_memory(err);
	rc = halt_open(&outbound->halt, err);
	/* Counted; it makes libssh ready for threads, before there are any. */
	if (rc == 0 && ssh_init() != 0)
		rc = err_set(err, ERR_CRYPTO, 500, "internal error");
	if (rc != 0) {
		halt_close(&outbound->halt);
		free(outbound);
		return rc;
	}
	pthread_mutex_init(&outbound->mutex, NULL);
	pthread_cond_init(&outbound->fewer, NULL);
	*ret_outbound = outbound;
	return 0;
}

void
outbound_free(struct outbound **outbound)
{
	struct outbound *old = *outbound;

	if (old == NULL)
		return;
	(void)ssh_finalize();
	pthread_cond_destroy(&old->fewer);
	pthread_mutex_destroy(&old->mutex);
	halt_close(&old->halt);
	free(old);
	*outbound = NULL;
}

/* ---- the messages -------------------------------------------------------- */

/* A field as a string of the arena; NULL: no memory. */
static const char *
take_str(struct ipc_message *in, size_t len_max, struct arena *arena)
{
	const struct span field = ipc_take_field(in, len_max);

	return arena_strndup(arena, field.data, field.len);
}

static struct secret_view
take_secret(struct ipc_message *in)
{
	const struct span field = ipc_take_field(in, OUTBOUND_MESSAGE_MAX);

	return secret_view_of(field.data, field.len);
}

static int
read_request(struct ipc_message *in, struct arena *arena,
	struct outbound_request *ret_request, struct err *err)
{
	struct outbound_request request = { 0 };

	request.url = take_str(in, OUTBOUND_URL_MAX, arena);
	request.method = take_str(in, OUTBOUND_URL_MAX, arena);
	request.ca_pem = take_str(in, OUTBOUND_CA_MAX, arena);
	request.tls_pin = take_str(in, OUTBOUND_URL_MAX, arena);
	request.source = take_str(in, OUTBOUND_URL_MAX, arena);
	request.bearer = take_secret(in);
	request.user = take_str(in, OUTBOUND_URL_MAX, arena);
	request.password = take_secret(in);
	request.json = ipc_take_field(in, OUTBOUND_MESSAGE_MAX);
	if (ipc_take_u32(in) == 0)
		request.json = SPAN_NONE;
	request.allows_plain = ipc_take_u32(in) == 1;
	request.answer_max = ipc_take_u32(in);
	request.deadline_ms = ipc_take_u32(in);
	if (request.url == NULL || request.method == NULL ||
		request.ca_pem == NULL || request.tls_pin == NULL ||
		request.source == NULL || request.user == NULL)
		return err_set_memory(err);
	if (request.answer_max > OUTBOUND_ANSWER_MAX)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	*ret_request = request;
	return ipc_end(in, err);
}

static int
call_https(const struct halt *halt, struct ipc_message *in, struct arena *arena,
	struct buf *out, struct err *err)
{
	struct outbound_request request;
	struct buf body;
	int status = 0;
	int rc = read_request(in, arena, &request, err);

	if (rc != 0)
		return rc;
	buf_init(&body, request.answer_max);
	rc = https_send(&request, halt, &status, &body, err);
	if (rc == 0) {
		(void)buf_add_char(out, OUTBOUND_GOOD);
		ipc_add_u32(out, (uint32_t)status);
		ipc_add_field(out, buf_span(&body));
		rc = buf_check(out, err);
	}
	buf_clear(&body);
	return rc;
}

static int
call_ssh(const struct halt *halt, struct ipc_message *in, struct arena *arena,
	struct buf *out, struct err *err)
{
	struct outbound_ssh_answer answer;
	struct outbound_ssh call;
	int rc = ssh_message_read_call(in, arena, &call, err);

	if (rc == 0)
		rc = ssh_make(&call, halt, arena, &answer, err);
	if (rc != 0)
		return rc;
	(void)buf_add_char(out, OUTBOUND_GOOD);
	ssh_message_add_answer(out, &answer);
	return buf_check(out, err);
}

static int
call_scan(const struct halt *halt, struct ipc_message *in, struct arena *arena,
	struct buf *out, struct err *err)
{
	struct outbound_ssh_offer offer;
	struct outbound_scan scan;
	int rc = ssh_message_read_scan(in, arena, &scan, err);

	if (rc == 0)
		rc = ssh_scan(&scan, halt, arena, &offer, err);
	if (rc != 0)
		return rc;
	(void)buf_add_char(out, OUTBOUND_GOOD);
	ssh_message_add_offer(out, &offer);
	return buf_check(out, err);
}

typedef int op_fn(const struct halt *halt, struct ipc_message *in,
	struct arena *arena, struct buf *out, struct err *err);

static op_fn *const ops[] = {
	[OUTBOUND_HTTPS] = call_https,
	[OUTBOUND_SSH] = call_ssh,
	[OUTBOUND_SSH_SCAN] = call_scan,
};

static int
act(const struct halt *halt, struct span in, struct arena *arena,
	struct buf *out, struct err *err)
{
	struct ipc_message message = ipc_read(in);
	const uint8_t op = ipc_take_byte(&message);

	if (op < ARRAY_LEN(ops) && ops[op] != NULL)
		return ops[op](halt, &message, arena, out, err);
	return err_set(err, ERR_PEER, 500, "internal error");
}

/* Failures cross the seam as bytes too. */
static int
answer(const struct halt *halt, struct span in, struct buf *out,
	struct err *err)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct err why = { 0 };
	int rc = arena == NULL ? err_set_memory(&why)
			       : act(halt, in, arena, out, &why);

	arena_free(&arena);
	if (rc == 0)
		return 0;
	buf_reset(out);
	(void)buf_add_char(out, OUTBOUND_FAILED);
	ipc_add_u32(out, (uint32_t)-rc);
	ipc_add_u32(out, (uint32_t)why.status);
	ipc_add_field(out, span_str(why.message));
	return buf_check(out, err);
}

/* ---- calls --------------------------------------------------------------- */

static int
begin_call(struct outbound *outbound, struct err *err)
{
	int rc = 0;

	lock_take(&outbound->mutex, &outbound_guard);
	if (halt_is_on(&outbound->halt))
		rc = err_set(err, ERR_SEALED, 503, "Vault is sealed");
	else if (outbound->calls >= OUTBOUND_CALLS_MAX)
		rc = err_set(err, ERR_BUSY, 503,
			"too many calls to other servers are under way, try again");
	else
		outbound->calls++;
	lock_give(&outbound->mutex, &outbound_guard);
	return rc;
}

static void
end_call(struct outbound *outbound)
{
	lock_take(&outbound->mutex, &outbound_guard);
	outbound->calls--;
	pthread_cond_broadcast(&outbound->fewer);
	lock_give(&outbound->mutex, &outbound_guard);
}

int
outbound_call(struct outbound *outbound, struct span in, struct buf *out,
	struct err *err)
{
	int rc = begin_call(outbound, err);

	if (rc != 0)
		return rc;
	blocking_begin();
	rc = answer(&outbound->halt, in, out, err);
	blocking_end();
	end_call(outbound);
	return rc;
}

void
outbound_halt(struct outbound *outbound)
{
	blocking_begin();
	lock_take(&outbound->mutex, &outbound_guard);
	halt_set(&outbound->halt, true);
	while (outbound->calls > 0)
		lock_wait(&outbound->fewer, &outbound->mutex, &outbound_guard);
	lock_give(&outbound->mutex, &outbound_guard);
	blocking_end();
}

void
outbound_resume(struct outbound *outbound)
{
	halt_set(&outbound->halt, false);
}

bool
outbound_is_halted(const struct outbound *outbound)
{
	return halt_is_on(&outbound->halt);
}
