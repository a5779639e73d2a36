/*
 * targets/:name/doctor: what stands between a target and a key, a row for each
 * thing that is looked at, with what mends it. What every target has comes
 * first (reachable, host key, login); then the profile looks (struct profile).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_DOCTOR_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_DOCTOR_H

#include "lib/value.h"
#include "server/engines/ssh/profiles/profile.h"

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_WARN,   /* works, and should be otherwise */
	DOCTOR_BAD,    /* keys will not come on, or not come off again */
	DOCTOR_SKIPPED /* could not be looked at */
};

struct doctor {
	struct outbound *outbound;
	const struct profile_job *job; /* the target, with its admin's key */
	struct arena *arena;
	int64_t end_ns;     /* of the boot clock: no call goes on past it */
	struct value *rows; /* NULL: memory ran out */
};

/* ok, warn, bad, skipped: part of the API. */
const char *doctor_state_name(enum doctor_state state);

/*
 * One row: "sudo"; what was seen, in words; what mends it, "" where nothing
 * is to be mended. Texts are copied; seen NULL: memory ran out.
 */
void doctor_say(struct doctor *doctor, const char *check,
	enum doctor_state state, const char *seen, const char *fix);

/*
 * Run one command on the target as its admin. 0 where it ran, whatever its
 * status; text: its output, cut at OUTBOUND_SSH_OUTPUT_MAX, in arena. ERR_PEER
 * or ERR_TIMEOUT with why.
 */
int doctor_ask(struct doctor *doctor, const char *command, int *ret_status,
	const char **ret_text, struct err *err);

/* struct profile.doctor of machines with sshd of OpenSSH and a shell. */
void doctor_linux(struct doctor *doctor);

#endif
