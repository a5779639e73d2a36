/* Walking the leases of one kind that a mount's roles have made. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_LEASE_WALK_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_LEASE_WALK_H

#include "server/core/mount.h"
#include "server/core/server.h"

/* arena is the page's: what stays must be copied. Non-zero ends the walk. */
typedef int lease_walk_fn(void *ctx, const struct lease *lease,
	struct arena *arena, struct err *err);

/*
 * Call fn, outside transactions, for every row of kind below creds/ that is
 * there when this begins and stays until it is reached; for newer ones perhaps.
 */
int lease_walk(struct server *server, const struct mount *mount,
	enum lease_kind kind, lease_walk_fn *fn, void *ctx, struct err *err);

#endif
