/* From a record to a call, and from a call's end to a state. */
#include "server/engines/ssh/targets/target_call.h"

#include <string.h>

#include "lib/clock.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/engines/ssh/records/target_index.h"

#define MOST_S 50 /* of all calls: clients wait for 60 s */

/* ---- before ------------------------------------------------------------- */

static int
read_target(struct store_tx *tx, void *ctx, struct err *err)
{
	struct target_call *call = ctx;

	return target_get(tx, &call->req->mount->kv, call->name,
		call->req->arena, &call->target, err);
}

int
target_call_begin(struct req *req, int64_t n_calls,
	struct target_call *ret_call, struct err *err)
{
	struct target_call call = { .req = req,
		.name = req_capture(req, "name") };
	int64_t all_s;
	int rc = req_read(req, read_target, &call, err);

	if (rc == 0)
		rc = target_job(call.target, &call.job, err);
	if (rc != 0)
		return rc;
	call.profile = profile_find(call.target->profile);
	if (call.profile == NULL)
		return err_set(err, ERR_INPUT, 400,
			"target \"%.64s\" has a profile that is not known: %.64s",
			call.name, call.target->profile);
	all_s = n_calls * call.target->timeout;
	call.end_ns = clock_boot_ns(clock_system()) +
		(all_s < MOST_S ? all_s : MOST_S) * CLOCK_NS_PER_S;
	*ret_call = call;
	return 0;
}

int
target_call_login(struct target_call *call, struct err *err)
{
	const struct ssh_target *target = call->target;

	if (call->profile->speaks_rest && target->key[0] == '\0')
		return 0;
	if (target->user[0] == '\0' || target->key[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"target \"%.64s\" has no %s of its own to log in with",
			call->name, target->user[0] == '\0' ? "user" : "key");
	return named_key_open(call->req->server, &call->req->mount->kv,
		target->key, 0, call->req->arena, &call->job.admin_key, err);
}

/* ---- calls -------------------------------------------------------------- */

int
target_call_test(struct target_call *call,
	struct outbound_ssh_answer *ret_answer, struct err *err)
{
	const struct outbound_ssh login = profile_ssh_call(&call->job,
		clock_left_ms(
			clock_system(), call->end_ns, call->job.deadline_ms));

	return outbound_ssh(call->req->server->outbound, &login,
		call->req->arena, ret_answer, err);
}

int
target_call_scan(struct target_call *call, struct outbound_ssh_offer *ret_offer,
	struct err *err)
{
	const struct profile_job *job = &call->job;

	return outbound_ssh_scan(call->req->server->outbound, job->host,
		job->port, job->source,
		clock_left_ms(clock_system(), call->end_ns, job->deadline_ms),
		call->req->arena, ret_offer, err);
}

/* ---- after -------------------------------------------------------------- */

const char *
target_state(
	const struct ssh_target *target, const struct outbound_ssh_answer *end)
{
	static const char *const states[] = {
		[OUTBOUND_SSH_DONE] = TARGET_OK,
		[OUTBOUND_SSH_NO_CONNECTION] = "unreachable",
		[OUTBOUND_SSH_NO_AGREEMENT] = "no_common_algorithm",
		[OUTBOUND_SSH_HOST_KEY] = TARGET_HOST_KEY_CHANGED,
		[OUTBOUND_SSH_REFUSED] = "login_refused",
		[OUTBOUND_SSH_STEP] = "failed",
		[OUTBOUND_SSH_LOST] = "connection_lost",
		[OUTBOUND_SSH_LATE] = "timeout",
	};

	if (end->end == OUTBOUND_SSH_HOST_KEY && target->host_keys.n == 0)
		return TARGET_HOST_KEY_UNKNOWN;
	return states[end->end];
}

const char *
target_why(const struct ssh_target *target,
	const struct outbound_ssh_answer *end, struct arena *arena)
{
	const char *pinned, *why;

	if (end->end != OUTBOUND_SSH_HOST_KEY)
		return end->why;
	if (target->host_keys.n == 0)
		return "no host key is pinned: see targets/:name/scan and repin";
	pinned = pins_text(&target->host_keys, arena);
	why = pinned == NULL
		? NULL
		: arena_printf(arena,
			  "host key %s is not among the pinned ones: %s",
			  end->fingerprint, pinned);
	return why != NULL ? why : end->why;
}

struct note {
	const struct target_call *call;
	const char *state, *why;
};

/* Whether a record says the same machine and keys as when it was called. */
static bool
is_as_called(const struct ssh_target *now, const struct ssh_target *called)
{
	if (strcmp(now->host, called->host) != 0 || now->port != called->port ||
		now->host_keys.n != called->host_keys.n)
		return false;
	for (size_t i = 0; i < now->host_keys.n; i++) {
		if (strcmp(now->host_keys.items[i],
			    called->host_keys.items[i]) != 0)
			return false;
	}
	return true;
}

static int
note_state(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct note *note = ctx;
	const struct target_call *call = note->call;
	const struct kv *kv = &call->req->mount->kv;
	struct arena *arena = call->req->arena;
	const struct ssh_target *now = NULL;
	struct ssh_target noted;
	struct err why = { 0 };
	int rc = target_get(tx, kv, call->name, arena, &now, &why);

	if (rc == ERR_ABSENT || (rc == 0 && !is_as_called(now, call->target)))
		return 0;
	if (rc != 0) {
		*err = why;
		return rc;
	}
	noted = *now;
	noted.state = note->state;
	noted.state_why = note->why;
	noted.state_s = tx_now_s(tx);
	return target_put(tx, kv, call->name, &noted, arena, err);
}

int
target_call_note(struct target_call *call, const char *state, const char *why,
	struct err *err)
{
	struct note note = { .call = call, .state = state, .why = why };

	return req_write(call->req, note_state, &note, err);
}
