/* Lines for what no request asks for; see takeback_audit.h. */
#include "server/core/takeback_audit.h"

#include "lib/log.h"
#include "lib/random.h"
#include "server/core/audit_devices.h"
#include "server/core/seal.h"
#include "server/core/server.h"

#define MEMORY_MAX ((size_t)1024 * 1024)

struct naming {
	const struct mount *mount;
	const struct lease *lease;
	struct barrier *barrier;
	struct arena *arena;
	const char *path;
	char id[LEASE_ID_MAX];
};

static int
name_lease(struct store_tx *tx, void *ctx, struct err *err)
{
	struct naming *naming = ctx;
	const struct mount *mount = naming->mount;
	const char *uuid, *path;
	int rc = lease_path_of(
		tx, naming->lease->ref.path, naming->arena, &uuid, &path, err);

	if (rc == 0)
		rc = lease_id_format(naming->barrier, mount->uuid, mount->path,
			path, naming->lease, naming->id, err);
	if (rc != 0)
		return rc;
	naming->path = arena_printf(naming->arena, "%s%s", mount->path, path);
	return naming->path != NULL ? 0 : err_set_memory(err);
}

static int
write_lines(struct server *server, const struct naming *naming, const char *why,
	struct err *err)
{
	char id[RANDOM_UUID_MAX];
	struct audit_entry request = {
		.time_ns = store_now_ns(server->store),
		.error = "",
		.request_id = id,
		.operation = "revoke",
		.mount_type = naming->mount->type->name,
		.client_token_accessor = "",
		.path = naming->path,
		.remote_address = "",
		.lease_id = naming->id,
	};
	struct audit_entry response = request;

	random_uuid(id);
	response.is_response = true;
	response.error = why != NULL ? why : "";
	return audit_devices_write(server, &request, &response, err);
}

void
takeback_tell(struct server *server, const struct mount *mount,
	const struct lease *lease, const char *why)
{
	struct naming naming = {
		.mount = mount, .lease = lease, .arena = arena_new(MEMORY_MAX)
	};
	struct err err = { 0 };
	int rc;

	naming.barrier = seal_hold_barrier(server->seal);
	if (naming.arena == NULL)
		rc = err_set_memory(&err);
	else if (naming.barrier == NULL)
		rc = err_set(&err, ERR_SEALED, 503, "Vault is sealed");
	else
		rc = store_read(server->store, name_lease, &naming, &err);
	if (naming.barrier != NULL)
		seal_release_barrier(server->seal);
	if (rc == 0)
		rc = write_lines(server, &naming, why, &err);
	if (rc != 0)
		log_error("no audit line of a lease that was taken back",
			LOG_ERR(&err));
	arena_free(&naming.arena);
}
