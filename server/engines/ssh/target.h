/*
 * targets/:name: a machine that the server logs in to, with the keys that it
 * is known by. A role can name it, and creds finds it by address.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_TARGET_H
#define SALLYPORT_SERVER_ENGINES_SSH_TARGET_H

#include "server/api/record_ops.h"

#define TARGET_TIMEOUT_S 20
#define TARGET_TIMEOUT_MAX_S 60
#define TARGET_HOST_KEYS_MAX 16

struct ssh_target {
	const char *host; /* address or DNS name */
	int64_t port;
	const char *user; /* admin that the key logs in as */
	const char *key;  /* of keys/ */
	struct str_list host_keys;
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
};

extern const struct record_type ssh_target_record;

/* ERR_ABSENT (404). */
int target_get(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, const struct ssh_target **ret_target,
	struct err *err);

/* The target of an address and port, with its name; ERR_ABSENT: none. */
int target_find_by_address(struct store *store, const struct kv *kv,
	const char *ip, int64_t port, struct arena *arena,
	const char **ret_name, const struct ssh_target **ret_target,
	struct err *err);

/*
 * Pin a key that a server showed where the policy is tofu: in its target, or
 * under pins/<address> port where there is none.
 */
int target_pin(struct server *server, const struct kv *kv, const char *host,
	int64_t port, const char *host_key, struct err *err);
int target_pins(struct store *store, const struct kv *kv, const char *host,
	int64_t port, struct arena *arena, struct str_list *ret_host_keys,
	struct err *err);

#endif
