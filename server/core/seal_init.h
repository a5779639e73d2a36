/* The first start of a store. */
#ifndef SALLYPORT_SERVER_CORE_SEAL_INIT_H
#define SALLYPORT_SERVER_CORE_SEAL_INIT_H

#include "lib/arena.h"
#include "server/core/seal.h"
#include "server/keeper/keeper.h"

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

#endif
