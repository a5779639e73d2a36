/*
 * What a dynamic lease keeps: where its key lies and how to get there again.
 * Copied at its issue, so that a role that is changed or deleted changes
 * nothing; what a target knows of its host keys and its API is asked anew.
 * Never the private half.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DYNAMIC_LEASE_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DYNAMIC_LEASE_H

#include "server/engines/ssh/dynamic/dynamic_key.h"
#include "server/engines/ssh/profiles/profile.h"

struct dynamic_lease {
	const char *role, *target; /* names; target may be "" */
	const char *host;
	int64_t port;
	const char *source, *profile;
	const char *admin_user, *key; /* key: of keys/, in this version */
	int64_t key_version;
	struct str_list host_keys; /* the role's, as they were */
	const char *host_key_policy;
	bool legacy_crypto, accept_password_lockout;
	int64_t timeout_s;

	const char *username, *tag, *public_key;
	const char *options; /* from= too */
	bool expiry_time;
	const char *install_script;

	const char *deliver, *deliver_user; /* delivery.h; or "" */
};

/*
 * All of it but the key of the lease itself, from a role and the target that is
 * named or found by address, texts in the request's arena. ERR_INPUT (400):
 * there is no such target, or neither of the two says enough.
 */
int dynamic_lease_plan(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_lease *ret_plan, struct err *err);

int dynamic_lease_pack(const struct dynamic_lease *plan, struct arena *arena,
	struct span *ret_data, struct err *err);
int dynamic_lease_unpack(struct span data, struct arena *arena,
	struct dynamic_lease **ret_plan, struct err *err);

/*
 * The machine and the key's place on it, all in arena, without what logs in:
 * admin_key and expire_s stay empty. Not inside a store function.
 */
int dynamic_lease_machine(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct arena *arena,
	struct profile_job *ret_job, struct err *err);

/*
 * The job of an action, all in arena, with the admin key's private half. key
 * version 0: the current one. Not inside a store function.
 */
int dynamic_lease_job(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, int64_t key_version, int64_t expire_s,
	struct arena *arena, struct profile_job *ret_job, struct err *err);

/* Longest time of a job, and what stands behind it until all is over. */
#define DYNAMIC_MARGIN_S 30

#endif
