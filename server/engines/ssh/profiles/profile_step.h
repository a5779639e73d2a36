/*
 * What profiles are made of: tables of steps, ended by PROFILE_END. A step's
 * texts are templates: {name} stands for a value, encoded for where it stands,
 * so that nothing that a caller sends is pasted as it came. Any other { is
 * itself. The runner (profile.c) makes the steps in order; the first that
 * fails ends the run.
 *
 * Values that are there from the start:
 *
 *   username tag public_key options install_script   of the job
 *   private_key  of the job: where it is delivered alone
 *   lease        what the tag ends in
 *   line         "options type base64 tag"
 *   expire_s     of the job, in decimal; 0: none
 *   expire_utc   the minute behind it, "202611220246Z"; "" where there is none
 *   file         a name for files of this run: "sallyport-" and 24 base62
 *
 * Hooks add others. SSH steps that follow one another are made in one
 * connection, each though one before it with verdicts or may_fail was not
 * good; a hook between them, which may be NULL, ends it and sees what they
 * said, where all of that is good.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_PROFILE_STEP_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_PROFILE_STEP_H

#include "lib/value.h"
#include "server/engines/ssh/profiles/profile.h"

enum profile_step_kind {
	PROFILE_END = 0,
	PROFILE_EXEC,   /* command in a channel of its own, input to stdin */
	PROFILE_UPLOAD, /* input to the file named by command (SFTP) */
	PROFILE_REST,   /* method on command, a path below the job's url */
	PROFILE_HOOK    /* call hook */
};

/* How values stand in command; what cannot be encoded ends the run. */
enum profile_quote {
	PROFILE_WORD = 0,      /* bare; only [A-Za-z0-9_.:@%+,/=-], not empty */
	PROFILE_QUOTE_SHELL,   /* '…' for a POSIX shell */
	PROFILE_QUOTE_ROUTEROS /* "…" for RouterOS's command line */
};

/*
 * What an answer means. The first row that fits decides; where none does, exit
 * status 0 (an HTTP status of 2xx) is good, and all else is not.
 */
struct profile_verdict {
	int status; /* exit or HTTP status; PROFILE_ANY */
	/* In the output or error output (the body); NULL: whatever they are. */
	const char *text;
	bool is_good;
	bool left_nothing; /* not good, and the target is as it was */
	const char *why;   /* for people; NULL: what the peer said */
};

#define PROFILE_ANY (-1000)

/* A member of a REST call's object. */
struct profile_member {
	const char *name;
	const char *text; /* template of a string; or … */
	const char *json; /* JSON as it stands: "true" */
};

struct profile_run;

/* What exec steps said, the last one first. */
struct profile_said {
	const char *name; /* of the step */
	struct span output;
	const struct profile_said *earlier;
};

struct profile_step {
	enum profile_step_kind kind;
	const char *name; /* in errors: "import the key" */
	const char *when; /* only where this value is not empty; NULL: always */
	/* Once for each line of this value, as {each}; not for hooks. */
	const char *each;
	bool may_fail; /* an answer that is not good is passed over */
	bool is_list;  /* of struct outbound_ssh_step */
	/* The target may hold the key once it began (REMOVE, LIST: unused). */
	bool installs;
	const struct profile_verdict *verdicts; /* ended by { 0 } */

	enum profile_quote quote;
	const char *command;
	/* Values stand in these as they are: none holds a line's end. */
	const char *input, *more;
	const char *await; /* of struct outbound_ssh_step; installs from then */

	const char *method; /* "GET" … */
	const struct profile_member
		*members; /* ended by { 0 }; NULL: no body */

	int (*hook)(struct profile_run *run, struct err *err); /* or NULL */
};

/* What hooks see; other members are the runner's. */
struct profile_run {
	const struct profile_job *job;
	enum profile_action action;
	struct arena *arena;
	struct profile_result *result;

	/* Of the last exec or REST step that was made. */
	int status;
	struct span output; /* or body */
	struct span error;
	bool is_cut; /* there was more */

	/* The runner's. */
	struct outbound *outbound;
	const struct profile_step *step;
	const struct profile_said *said;
	struct str_map values;
	int64_t end_ns; /* of the boot clock */
};

/* "" where it is not set. */
const char *profile_get(const struct profile_run *run, const char *name);

/*
 * Texts may hold ends of lines: such a value stands in members and .each, never
 * in a command.
 */
int profile_set(struct profile_run *run, const char *name, const char *text,
	struct err *err);

/* The same, and its length in bytes as <name>_size. */
int profile_set_sized(struct profile_run *run, const char *name,
	const char *text, struct err *err);

/* The last REST step's body. ERR_PEER where it is not JSON. */
int profile_answer(struct profile_run *run, const struct value **ret_value,
	struct err *err);

/* The output of the exec step of that name; data NULL: it was not made. */
struct span profile_output(const struct profile_run *run, const char *name);

/* A key of ours that is there (LIST). */
int profile_add_key(struct profile_run *run, const struct profile_key *key,
	struct err *err);

/* A key that is there and is not ours. */
int profile_add_foreign(struct profile_run *run, const struct profile_key *key,
	struct err *err);

/* The run ends: "<name of the step>: <text>". Returns ERR_PEER. */
int profile_fail(struct profile_run *run, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/*
 * What a key of ours is called on a machine: whose it is, the first digits of
 * the server's cluster id, and which of its leases.
 */
#define PROFILE_TAG "sallyport:"
#define PROFILE_TAG_SERVER_DIGITS 8
#define PROFILE_TAG_LEASE_DIGITS 24

/*
 * The tag in a comment or line, any server's, that ends it or stands before a
 * blank or quote; len 0: none. Of several the last.
 */
struct span profile_find_tag(struct span text);

/* One for each file profile_<name>.c. */
extern const struct profile profile_console_server;
extern const struct profile profile_generic;
extern const struct profile profile_linux;
extern const struct profile profile_routeros;
extern const struct profile profile_routeros_rest;
extern const struct profile profile_script;
extern const struct profile profile_truenas;

#endif
