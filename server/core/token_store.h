/*
 * What finding or drawing a token takes, held together: the open barrier, and
 * the mount that every token's name is sealed for.
 */
#ifndef SALLYPORT_SERVER_CORE_TOKEN_STORE_H
#define SALLYPORT_SERVER_CORE_TOKEN_STORE_H

#include "server/core/mount.h"
#include "server/core/seal.h"

struct token_store {
	struct server *server;
	struct barrier *barrier;
	struct mount *mount;
};

/*
 * ERR_SEALED, 503 "Vault is sealed". Sealing waits for those who hold it: keep
 * it short.
 */
int token_store_hold(
	struct server *server, struct token_store *ret_held, struct err *err);
void token_store_release(struct token_store *held);

#endif
