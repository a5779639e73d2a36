/*
 * targets/:name: a machine that the server logs in to, with the keys that it
 * is known by. A role can name it, and creds finds it by address.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_RECORDS_TARGET_H
#define SALLYPORT_SERVER_ENGINES_SSH_RECORDS_TARGET_H

#include "server/api/record_ops.h"
#include "server/engines/ssh/profiles/pins.h"
#include "server/engines/ssh/profiles/profile.h"

#define TARGET_TIMEOUT_S 20
#define TARGET_TIMEOUT_MAX_S 60

struct ssh_target {
	const char *host; /* canonical address, fe80::1%eth0, or DNS name */
	int64_t port;
	const char *user;            /* admin that the key logs in as; or "" */
	const char *key;             /* of keys/; or "" */
	struct str_list host_keys;   /* pins.h */
	const char *host_key_policy; /* strict, tofu, off */
	const char *profile;         /* profile.h */
	int64_t timeout;             /* s */
	const char *source_address;  /* "": any */
	bool legacy_crypto;
	bool accept_password_lockout; /* routeros: R-3 */

	/* Profiles that speak REST. */
	const char *url; /* https://… */
	const char *ca_cert;
	const char *tls_pin; /* "sha256//…" of the server's public key */
	const char *api_user;
	struct secret_view api_secret; /* password or API key; never shown */

	/* What was seen last (target_note). */
	const char *state; /* ok, unreachable, host_key_changed …; or "" */
	const char *state_why;
	int64_t state_s;
};

/* Stands with its operations (targets/target_ops.c), as a role's does. */
extern const struct record_type ssh_target_record;

/* ERR_ABSENT (404) 'target "x" not found'. */
int target_get(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, const struct ssh_target **ret_target,
	struct err *err);

/* The same, in a transaction of its own: not inside a store function. */
int target_read(struct store *store, const struct kv *kv, const char *name,
	struct arena *arena, const struct ssh_target **ret_target,
	struct err *err);

/*
 * The target of an address and port, with its name, the first by name where
 * there are several; ERR_ABSENT: none.
 */
int target_find_by_address(struct store *store, const struct kv *kv,
	const char *ip, int64_t port, struct arena *arena,
	const char **ret_name, const struct ssh_target **ret_target,
	struct err *err);

/*
 * Pin a key that a server showed where the policy is tofu: in its target, or
 * under pins/<host> <port> where there is none. ERR_DENIED (500) where it has
 * a pin already that is another one.
 */
int target_pin(struct server *server, const struct kv *kv, const char *host,
	int64_t port, const char *host_key, struct err *err);

/* The keys pinned for an address, by its target or by target_pin; or none. */
int target_pins(struct store *store, const struct kv *kv, const char *host,
	int64_t port, struct arena *arena, struct str_list *ret_host_keys,
	struct err *err);

/* What its record says, but for its admin's key. ERR_INPUT, 400. */
int target_job(const struct ssh_target *target, struct profile_job *ret_job,
	struct err *err);

#endif
