/* The operations on a target have this in common: who is called, and how. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_TARGETS_TARGET_CALL_H
#define SALLYPORT_SERVER_ENGINES_SSH_TARGETS_TARGET_CALL_H

#include "server/engines/ssh/profiles/profile.h"
#include "server/engines/ssh/records/target.h"

/* What was seen of a target; the names are part of the API. */
#define TARGET_OK "ok"
#define TARGET_HOST_KEY_CHANGED "host_key_changed"
#define TARGET_HOST_KEY_UNKNOWN "host_key_unknown"

struct target_call {
	struct req *req;
	const char *name;
	const struct ssh_target *target;
	const struct profile *profile;
	struct profile_job job; /* without a key to install */
	int64_t end_ns;         /* of the machine's boot clock: of all calls */
};

/*
 * The target that the path names, all but its admin's key. ERR_ABSENT (404).
 * The request's time for calls starts here: seconds of the target's timeout
 * for each of n of them.
 */
int target_call_begin(struct req *req, int64_t n_calls,
	struct target_call *ret_call, struct err *err);

/*
 * Its admin's key too. ERR_INPUT (400) where the record names no user or key,
 * though its profile logs in.
 */
int target_call_login(struct target_call *call, struct err *err);

/* Log in and out again. */
int target_call_test(struct target_call *call,
	struct outbound_ssh_answer *ret_answer, struct err *err);

/* What the server offers; the message of the error says what of whom. */
int target_call_scan(struct target_call *call,
	struct outbound_ssh_offer *ret_offer, struct err *err);

/* The name of how a login ended. */
const char *target_state(
	const struct ssh_target *target, const struct outbound_ssh_answer *end);

/* "host key SHA256:… is not among the pinned ones: SHA256:…", in arena. */
const char *target_why(const struct ssh_target *target,
	const struct outbound_ssh_answer *end, struct arena *arena);

/*
 * Keep what was seen with the record, unless it was written since; an absent
 * one is fine. In the request's transaction.
 */
int target_call_note(struct target_call *call, const char *state,
	const char *why, struct err *err);

#endif
