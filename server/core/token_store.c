/* The token store's mount and the barrier, held as long as one call. */
#include "server/core/token_store.h"

#include "server/core/server.h"

int
token_store_hold(
	struct server *server, struct token_store *ret_held, struct err *err)
{
	struct token_store held = { .server = server };

	held.barrier = seal_hold_barrier(server->seal);
	if (held.barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	held.mount = mounts_find(server->mounts, MOUNT_TOKENS);
	if (held.mount == NULL) {
		seal_release_barrier(server->seal);
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	}
	*ret_held = held;
	return 0;
}

void
token_store_release(struct token_store *held)
{
	mount_unref(held->server->mounts, &held->mount);
	seal_release_barrier(held->server->seal);
}
