/*
 * Sealed or not: init, unseal with progress, seal, the unseal file; what
 * happens right after (load mounts, policies, audit devices; start expiry)
 * and before (stop, wipe).
 */
#ifndef SALLYPORT_SERVER_CORE_SEAL_H
#define SALLYPORT_SERVER_CORE_SEAL_H

#include "lib/arena.h"
#include "lib/secret.h"
#include "server/keeper/keeper.h"
#include "storage/barrier.h"

struct seal;
struct server;

struct seal_status {
	bool initialized, sealed;
	const char *type; /* "shamir" or "file" */
	unsigned t, n, progress;
	char nonce[37];
	char cluster_name[64], cluster_id[37]; /* "" while sealed */
	const char *reason; /* why the last try to open failed, or "" */
};

int seal_new(struct server *server, struct seal **ret_seal, struct err *err);
void seal_free(struct seal **seal);

/* Cheap; reads no disk. Any thread. */
void seal_get_status(struct seal *seal, struct seal_status *ret_status);
bool seal_is_sealed(struct seal *seal);

/*
 * The open barrier; NULL while sealed. Valid while the caller holds it; NULL
 * needs no release. Sealing waits for its holders: keep it short.
 */
struct barrier *seal_hold_barrier(struct seal *seal);
void seal_release_barrier(struct seal *seal);

struct seal_init_result {
	struct keeper_share *shares; /* in the arena */
	unsigned n;
	char root_token[64]; /* wiped with the arena's owner */
};

/*
 * Initialise (spec/core-api.md 2.1): keyring, blobs, default policy, root
 * token. Stays sealed (Shamir); with the unseal file it is unsealed and there
 * are no shares. root_token_id "": a made one (dev mode gives one).
 */
int seal_init(struct seal *seal, unsigned n, unsigned t,
	const char *root_token_id, struct arena *arena,
	struct seal_init_result *ret_result, struct err *err);

/* One share; opens at the threshold. Texts of spec/core-api.md 2.2. */
int seal_unseal(struct seal *seal, struct secret_view share, struct err *err);
int seal_unseal_reset(struct seal *seal, struct err *err);

/* With the unseal file of the settings, at start. */
int seal_unseal_file(struct seal *seal, struct err *err);

/*
 * Seal: no request is answered with old keys once this returns. The caller may
 * not hold the barrier.
 */
int seal_seal(struct seal *seal, struct err *err);

/*
 * A new key for the store's records: a term more in the keyring, durable
 * before anything is sealed under it. Never waits for another change of the
 * seal: ERR_BUSY.
 */
int seal_rotate_key(struct seal *seal, struct err *err);

#endif
