/*
 * Sealed or not, and the barrier while it is open. seal_init.h makes the keys,
 * seal_open.h opens and closes.
 */
#ifndef SALLYPORT_SERVER_CORE_SEAL_H
#define SALLYPORT_SERVER_CORE_SEAL_H

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

/*
 * A new key for the store's records: a term more in the keyring, durable
 * before anything is sealed under it. Never waits for another change of the
 * seal: ERR_BUSY.
 */
int seal_rotate_key(struct seal *seal, struct err *err);

#endif
