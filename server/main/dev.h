/*
 * Development mode: a store in a private temporary directory, initialised and
 * unsealed at start (spec/cli.md 3.7).
 */
#ifndef SALLYPORT_SERVER_MAIN_DEV_H
#define SALLYPORT_SERVER_MAIN_DEV_H

#include "lib/arena.h"
#include "server/core/server.h"

#define DEV_PATH_MAX 128

struct dev {
	char directory[DEV_PATH_MAX]; /* "" where the store is kept */
	char store_path[DEV_PATH_MAX + 16];
};

/* Make the directory, unless storage names a file to keep. */
int dev_prepare(const char *storage, struct dev *ret_dev, struct err *err);

/*
 * Initialise where that is due and unseal; print the notice that scripts
 * parse; write the root token to the token file where asked. A kept store that
 * was initialised before is unsealed with the key file beside it.
 */
int dev_unseal(struct server *server, const char *root_token_id,
	const char *listen_address, bool store_token, struct arena *arena,
	struct err *err);

/* Remove the directory and what the store left in it. */
void dev_remove(const struct dev *dev);

#endif
