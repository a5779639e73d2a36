/* Calls over SSH and their answers as messages. */
#include "server/outbound/ssh_message.h"

#include "server/outbound/outbound_op.h"

/* ---- parts --------------------------------------------------------------- */

static void
add_str(struct buf *out, const char *text)
{
	ipc_add_field(out, span_str(text));
}

/* A field as a string of the arena; NULL: no memory, and the message is bad. */
static const char *
take_str(struct ipc_message *in, struct arena *arena)
{
	const struct span field = ipc_take_field(in, OUTBOUND_MESSAGE_MAX);
	const char *text = arena_strndup(arena, field.data, field.len);

	in->bad = in->bad || text == NULL;
	return text;
}

static void
add_strs(struct buf *out, const char *const *strs, size_t n)
{
	ipc_add_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		add_str(out, strs[i]);
}

static size_t
take_count(struct ipc_message *in, size_t n_max)
{
	const uint32_t n = ipc_take_u32(in);

	in->bad = in->bad || n > n_max;
	return in->bad ? 0 : n;
}

static const char *const *
take_strs(struct ipc_message *in, struct arena *arena, size_t *ret_n)
{
	const size_t n = take_count(in, OUTBOUND_HOST_KEYS_MAX);
	const char **strs = ARENA_ARRAY(arena, const char *, n + 1);

	in->bad = in->bad || strs == NULL;
	for (size_t i = 0; i < n && strs != NULL; i++)
		strs[i] = take_str(in, arena);
	*ret_n = n;
	return strs;
}

static bool
take_bool(struct ipc_message *in)
{
	return ipc_take_u32(in) == 1;
}

/* ---- a call -------------------------------------------------------------- */

static void
add_step(struct buf *out, const struct outbound_ssh_step *step)
{
	ipc_add_u32(out, step->kind);
	add_str(out, step->command);
	ipc_add_field(out, step->input);
	ipc_add_u32(out, step->await != NULL);
	add_str(out, step->await);
	ipc_add_field(out, step->more);
	ipc_add_u32(out, step->may_fail);
	ipc_add_u32(out, step->is_list);
}

static struct outbound_ssh_step
take_step(struct ipc_message *in, struct arena *arena)
{
	struct outbound_ssh_step step;
	bool awaits;

	step.kind = ipc_take_u32(in) == OUTBOUND_SSH_UPLOAD
		? OUTBOUND_SSH_UPLOAD
		: OUTBOUND_SSH_EXEC;
	step.command = take_str(in, arena);
	step.input = ipc_take_field(in, OUTBOUND_MESSAGE_MAX);
	awaits = take_bool(in);
	step.await = take_str(in, arena);
	if (!awaits)
		step.await = NULL;
	step.more = ipc_take_field(in, OUTBOUND_MESSAGE_MAX);
	step.may_fail = take_bool(in);
	step.is_list = take_bool(in);
	return step;
}

void
ssh_message_add_call(struct buf *out, const struct outbound_ssh *call)
{
	(void)buf_add_char(out, OUTBOUND_SSH);
	add_str(out, call->host);
	ipc_add_u64(out, (uint64_t)call->port);
	add_str(out, call->source);
	add_str(out, call->user);
	ipc_add_secret(out, call->key);
	add_strs(out, call->host_keys, call->n_host_keys);
	ipc_add_u32(out, call->policy);
	ipc_add_u32(out, call->legacy_crypto);
	ipc_add_u64(out, (uint64_t)call->deadline_ms);
	ipc_add_u32(out, (uint32_t)call->n_steps);
	for (size_t i = 0; i < call->n_steps; i++)
		add_step(out, &call->steps[i]);
}

static const struct outbound_ssh_step *
take_steps(struct ipc_message *in, struct arena *arena, size_t *ret_n)
{
	const size_t n = take_count(in, OUTBOUND_SSH_STEPS_MAX);
	struct outbound_ssh_step *steps =
		ARENA_ARRAY(arena, struct outbound_ssh_step, n + 1);

	in->bad = in->bad || steps == NULL;
	for (size_t i = 0; i < n && steps != NULL; i++)
		steps[i] = take_step(in, arena);
	*ret_n = n;
	return steps;
}

int
ssh_message_read_call(struct ipc_message *in, struct arena *arena,
	struct outbound_ssh *ret_call, struct err *err)
{
	struct outbound_ssh call = { 0 };
	struct span key;
	int rc;

	call.host = take_str(in, arena);
	call.port = (int64_t)ipc_take_u64(in);
	call.source = take_str(in, arena);
	call.user = take_str(in, arena);
	key = ipc_take_field(in, OUTBOUND_MESSAGE_MAX);
	call.key = secret_view_of(key.data, key.len);
	call.host_keys = take_strs(in, arena, &call.n_host_keys);
	call.policy = (enum outbound_host_key_policy)take_count(
		in, OUTBOUND_HOST_KEY_ANY);
	call.legacy_crypto = take_bool(in);
	call.deadline_ms = (int64_t)ipc_take_u64(in);
	call.steps = take_steps(in, arena, &call.n_steps);
	rc = ipc_end(in, err);
	if (rc == 0)
		*ret_call = call;
	return rc;
}

/* ---- its answer ---------------------------------------------------------- */

static void
add_result(struct buf *out, const struct outbound_ssh_result *result)
{
	/* One more, as the wire has no negative numbers. */
	ipc_add_u32(out, (uint32_t)result->exit_status + 1);
	add_str(out, result->signal);
	ipc_add_field(out, result->output);
	ipc_add_field(out, result->error);
	ipc_add_u32(out, result->is_cut);
}

static struct span
take_bytes(struct ipc_message *in, struct arena *arena)
{
	const struct span field = ipc_take_field(in, OUTBOUND_SSH_LIST_MAX);
	const struct span bytes = arena_dup(arena, field);

	in->bad = in->bad || bytes.data == NULL;
	return bytes;
}

static struct outbound_ssh_result
take_result(struct ipc_message *in, struct arena *arena)
{
	struct outbound_ssh_result result;

	result.exit_status = (int)(ipc_take_u32(in) - 1);
	result.signal = take_str(in, arena);
	result.output = take_bytes(in, arena);
	result.error = take_bytes(in, arena);
	result.is_cut = take_bool(in);
	return result;
}

void
ssh_message_add_answer(
	struct buf *out, const struct outbound_ssh_answer *answer)
{
	ipc_add_u32(out, answer->end);
	add_str(out, answer->why);
	add_str(out, answer->host_key);
	add_str(out, answer->fingerprint);
	add_str(out, answer->banner);
	ipc_add_u32(out, (uint32_t)answer->n_results);
	for (size_t i = 0; i < answer->n_results; i++)
		add_result(out, &answer->results[i]);
}

static const struct outbound_ssh_result *
take_results(struct ipc_message *in, struct arena *arena, size_t *ret_n)
{
	const size_t n = take_count(in, OUTBOUND_SSH_STEPS_MAX);
	struct outbound_ssh_result *results =
		ARENA_ARRAY(arena, struct outbound_ssh_result, n + 1);

	in->bad = in->bad || results == NULL;
	for (size_t i = 0; i < n && results != NULL; i++)
		results[i] = take_result(in, arena);
	*ret_n = n;
	return results;
}

int
ssh_message_read_answer(struct ipc_message *in, struct arena *arena,
	struct outbound_ssh_answer *ret_answer, struct err *err)
{
	struct outbound_ssh_answer answer = { 0 };
	int rc;

	answer.end = (enum outbound_ssh_end)take_count(in, OUTBOUND_SSH_LATE);
	answer.why = take_str(in, arena);
	answer.host_key = take_str(in, arena);
	answer.fingerprint = take_str(in, arena);
	answer.banner = take_str(in, arena);
	answer.results = take_results(in, arena, &answer.n_results);
	rc = ipc_end(in, err);
	if (rc == 0)
		*ret_answer = answer;
	return rc;
}

/* ---- a scan and what it found -------------------------------------------- */

void
ssh_message_add_scan(struct buf *out, const struct outbound_scan *scan)
{
	(void)buf_add_char(out, OUTBOUND_SSH_SCAN);
	add_str(out, scan->host);
	ipc_add_u64(out, (uint64_t)scan->port);
	add_str(out, scan->source);
	ipc_add_u64(out, (uint64_t)scan->deadline_ms);
}

int
ssh_message_read_scan(struct ipc_message *in, struct arena *arena,
	struct outbound_scan *ret_scan, struct err *err)
{
	struct outbound_scan scan;
	int rc;

	scan.host = take_str(in, arena);
	scan.port = (int64_t)ipc_take_u64(in);
	scan.source = take_str(in, arena);
	scan.deadline_ms = (int64_t)ipc_take_u64(in);
	rc = ipc_end(in, err);
	if (rc == 0)
		*ret_scan = scan;
	return rc;
}

void
ssh_message_add_offer(struct buf *out, const struct outbound_ssh_offer *offer)
{
	add_str(out, offer->banner);
	add_str(out, offer->kex);
	add_str(out, offer->host_key_types);
	add_str(out, offer->ciphers);
	add_str(out, offer->macs);
	add_strs(out, offer->host_keys, offer->n_host_keys);
}

int
ssh_message_read_offer(struct ipc_message *in, struct arena *arena,
	struct outbound_ssh_offer *ret_offer, struct err *err)
{
	struct outbound_ssh_offer offer = { 0 };
	int rc;

	offer.banner = take_str(in, arena);
	offer.kex = take_str(in, arena);
	offer.host_key_types = take_str(in, arena);
	offer.ciphers = take_str(in, arena);
	offer.macs = take_str(in, arena);
	offer.host_keys = take_strs(in, arena, &offer.n_host_keys);
	rc = ipc_end(in, err);
	if (rc == 0)
		*ret_offer = offer;
	return rc;
}
