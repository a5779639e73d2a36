/* Making and ending the parts in their order. */
#include "server/core/server.h"

#include <stdlib.h>

#include "server/core/expire.h"
#include "server/core/key_pool.h"
#include "server/core/mount.h"
#include "server/core/rollback.h"
#include "server/core/seal_open.h"
#include "server/core/takeback.h"
#include "server/core/worker.h"
#include "server/keeper/keeper.h"
#include "server/outbound/outbound.h"

/* The key space of sys/ in every store; never to change. */
#define SYSTEM_UUID "73616c6c-7970-4f72-9473-797374656d31"

static int
new_audit(struct server *server, struct err *err)
{
	const struct server_settings *settings = server->settings;
	struct audit_settings audit = {
		.clock = server->clock,
		.pin = rollback_pin,
		.pin_ctx = server,
		.directories = settings->audit_directories.items,
		.n_directories = settings->audit_directories.n,
		.any_directory = settings->dev,
	};

	return audit_new(&audit, &server->audit, err);
}

static int
new_parts(struct server *server, const struct mount_type *const *types,
	struct err *err)
{
	const struct server_settings *settings = server->settings;
	int rc = outbound_new(&server->outbound, err);

	if (rc == 0)
		rc = new_audit(server, err);
	if (rc == 0)
		rc = workers_new((size_t)settings->workers_max,
			(size_t)settings->queue_max, &server->workers, err);
	if (rc == 0)
		rc = mounts_new(server, types, &server->mounts, err);
	if (rc == 0)
		rc = expire_new(server, &server->expire, err);
	if (rc == 0)
		rc = takeback_new(server, &server->takeback, err);
	if (rc == 0)
		rc = key_pool_new(&server->key_pool, err);
	if (rc == 0)
		rc = seal_new(server, &server->seal, err);
	return rc;
}

int
server_new(const struct server_settings *settings, const struct clock *clock,
	struct store *store, struct keeper *keeper,
	const struct mount_type *const *types, struct server **ret_server,
	struct err *err)
{
	struct server *server = calloc(1, sizeof(*server));
	int rc = 0;

	if (server == NULL)
		return err_set_memory(err);
	server->settings = settings;
	server->clock = clock;
	server->system = kv_of(SYSTEM_UUID);
	/* Store and keeper stay the caller's until all else is there. */
	server->store = store;
	server->keeper = keeper;
	if (keeper == NULL)
		rc = keeper_new(&server->keeper, err);
	if (rc == 0)
		rc = new_parts(server, types, err);
	if (rc == 0) {
		*ret_server = server;
		return 0;
	}
	server->store = NULL;
	if (keeper != NULL)
		server->keeper = NULL;
	server_free(&server);
	return rc;
}

void
server_free(struct server **server)
{
	struct server *old = *server;
	struct err err = { 0 };

	if (old == NULL)
		return;
	/* What workers wait for, and those who take leases back. */
	if (old->outbound != NULL)
		outbound_halt(old->outbound);
	if (old->workers != NULL)
		workers_stop(old->workers);
	if (old->seal != NULL)
		(void)seal_seal(old->seal, &err);
	expire_free(&old->expire);
	takeback_free(&old->takeback);
	key_pool_free(&old->key_pool);
	seal_free(&old->seal);
	mounts_free(&old->mounts);
	audit_free(&old->audit);
	outbound_free(&old->outbound);
	keeper_free(&old->keeper);
	store_close(&old->store);
	/* Whose threads may have given back the last jobs. */
	workers_free(&old->workers);
	free(old);
	*server = NULL;
}
