/*
 * Where the client is a device, as a router can be, the private half of a
 * lease's key is put on it in place of the answer (requirements.md R-12). What
 * makes the key good is its public half on the host: that is what a lease ends
 * by. The device's half is then removed too, which is tried once.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DELIVERY_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DELIVERY_H

#include "server/engines/ssh/dynamic/dynamic_lease.h"

/*
 * Of a wish into its plan: who is to have the private half, if anybody but the
 * caller. ERR_INPUT (400): the role or the target does not allow it.
 */
int delivery_plan(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_lease *plan, struct err *err);

/*
 * Put it there; 0 where the plan names nobody. Blocks, TARGET_TIMEOUT_MAX_S at
 * most. The device's words are in the error.
 */
int delivery_put(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct secret_view private_key,
	struct arena *arena, struct err *err);

/* How long the next may take. */
#define DELIVERY_TAKE_BACK_S 20

/* Remove it; what stays there opens nothing, and is told in the log. */
void delivery_take_back(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct arena *arena);

#endif
