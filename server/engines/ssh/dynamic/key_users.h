/* Who needs a key of keys/: roles and targets that name it, and leases. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_KEY_USERS_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_KEY_USERS_H

#include "server/core/mount.h"
#include "server/core/server.h"

/*
 * Call fn in a transaction for each dynamic role ("role") and each target
 * ("target") that names a key, by its own name. What it is given lives as long
 * as the call. Non-zero ends it and is returned.
 */
typedef int key_user_fn(void *ctx, const char *kind, const char *name,
	const char *key, struct err *err);
int key_users_each(struct store_tx *tx, const struct kv *kv, key_user_fn *fn,
	void *ctx, struct err *err);

/* How many leases log in with a version, those on their way out included. */
struct key_leases {
	const char *key;
	int64_t version;
	int64_t n;
	struct key_leases *next;
};

/*
 * All versions of a mount that have leases, into arena; outside transactions.
 * A lease that is made meanwhile may be missed: it has a version that is the
 * current one then.
 */
int key_leases_count(struct server *server, const struct mount *mount,
	struct arena *arena, struct key_leases **ret_leases, struct err *err);

/* Of one version, or of a key at all (version 0). */
int64_t key_leases_of(
	const struct key_leases *leases, const char *key, int64_t version);

#endif
