/*
 * Profiles: how a kind of target takes a public key and gives it up again. A
 * profile is a table of steps; one runner makes them (profile_run).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_PROFILE_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_PROFILE_H

#include "lib/arena.h"
#include "lib/str_list.h"
#include "server/outbound/outbound.h"

enum profile_action {
	PROFILE_INSTALL, /* also again, with another end */
	PROFILE_REMOVE,  /* 0 where there was nothing */
	PROFILE_LIST,    /* keys with a tag, of this server or another */
	PROFILE_DELIVER, /* a private key, for username to log in elsewhere */
	PROFILE_FORGET,  /* that one; 0 where it was not found */
	PROFILE_ACTIONS
};

/* All that a profile's steps may speak of. */
struct profile_job {
	/* the machine */
	const char *host;
	int64_t port;
	const char *source;
	const char *admin_user;
	struct secret_view admin_key; /* text */
	struct str_list host_keys;
	enum outbound_host_key_policy policy;
	bool legacy_crypto;
	const char *url, *ca_cert, *tls_pin, *api_user;
	struct secret_view api_secret;
	int64_t deadline_ms;

	/* the key */
	const char *username;   /* passed profile_check_user */
	const char *tag;        /* "sallyport:<server>:<lease>"; LIST: "" */
	const char *public_key; /* "type base64" */
	struct secret_view private_key; /* DELIVER: text */
	const char *options;            /* of authorized_keys, or "" */
	int64_t expire_s;               /* 0: none */
	const char *install_script;     /* custom, or "" */
	bool accept_password_lockout;   /* routeros: R-3 */
};

struct profile_key {
	const char *username, *tag, *public_key;
};

struct profile_result {
	/* A failed install: something may lie there and must be removed. */
	bool may_be_there;
	const char *host_key; /* shown, or "" */
	const char *fingerprint;
	/* Of the last connection; over REST: DONE or NO_CONNECTION. */
	enum outbound_ssh_end end;
	struct profile_key *keys; /* LIST */
	size_t n_keys;
	/*
	 * LIST: keys without a tag, with what they are called in place of
	 * a tag: to be shown, never to be touched. Not every profile has them.
	 */
	struct profile_key *foreign;
	size_t n_foreign;
};

struct doctor;
struct profile_step;

struct profile {
	const char *name; /* "linux" */
	const char *doc;
	const char *instructions; /* how to make a machine ready for it */
	bool speaks_rest;         /* needs url and api_secret of a target */
	bool knows_expiry;        /* the machine itself ends a key */
	bool needs_script;        /* install_script of the role */
	bool takes_turns;         /* runs at one machine do not overlap */
	const struct profile_step *steps[PROFILE_ACTIONS];
	/* Look at a machine that the admin's key opens (doctor.h); or NULL. */
	void (*doctor)(struct doctor *doctor);
};

/* NULL: none of that name. */
const struct profile *profile_find(const char *name);

/* Every profile, ended by NULL. */
extern const struct profile *const profiles[];

/*
 * Whether a user's name may be sent to any target:
 * ^[a-z_][a-z0-9_.-]{0,31}\$?$, either case. ERR_INPUT (400) "Username is not
 * valid for dynamic type".
 */
int profile_check_user(const char *username, struct err *err);

/*
 * The call that logs in at a job's machine; steps are for the caller to add.
 * What it points to is the job's.
 */
struct outbound_ssh profile_ssh_call(
	const struct profile_job *job, int64_t deadline_ms);

/*
 * Make the steps of an action. Blocks until the job's deadline: on workers and
 * take-back threads. ERR_PEER or ERR_TIMEOUT (500) whose message says which
 * step failed and why, or another code where nothing was sent; *ret_result is
 * set in any case.
 */
int profile_run(struct outbound *outbound, const struct profile *profile,
	enum profile_action action, const struct profile_job *job,
	struct arena *arena, struct profile_result *ret_result,
	struct err *err);

#endif
