/*
 * tidy/secret-id: rows of secret ids whose role is gone. Expired ones go by
 * themselves, and those of a deleted role with it, unless the server was
 * stopped in between.
 */
#include <string.h>

#include "server/auth/approle/approle.h"
#include "server/auth/approle/role.h"
#include "server/core/records.h"

#define FOLDER LEASE_PRIVATE "secret-id"

struct tidying {
	struct req *req;
	struct value *paths; /* whose role has not been seen */
	struct value *own_ids;
};

static int
note_path(void *ctx, uint32_t number, const char *path, struct err *err)
{
	struct tidying *tidying = ctx;

	(void)number;
	return value_add(
		       tidying->paths, value_string(tidying->req->arena, path))
		? 0
		: err_set_memory(err);
}

static int
read_paths(struct store_tx *tx, void *ctx, struct err *err)
{
	struct tidying *tidying = ctx;

	tidying->paths = value_list(tidying->req->arena);
	return lease_paths(tx, tidying->req->mount->uuid, FOLDER,
		tidying->req->arena, note_path, tidying, err);
}

static int
note_role(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct tidying *tidying = ctx;
	struct arena *arena = tidying->req->arena;

	(void)name;
	return value_append(arena, tidying->own_ids,
		       value_find_str(value, "own_id", ""),
		       value_bool(arena, true))
		? 0
		: err_set_memory(err);
}

/* Paths are read before roles: a role that is made meanwhile has a new one. */
static int
tidy(struct req *req, struct reply *reply, struct err *err)
{
	struct tidying tidying = { .req = req,
		.own_ids = value_object(req->arena) };
	int rc = req_announce(req, err);

	if (rc == 0)
		rc = req_read(req, read_paths, &tidying, err);
	if (rc == 0)
		rc = records_each(req->server->store, &req->mount->kv,
			approle_role_record.prefix, note_role, &tidying, err);
	if (rc != 0)
		return rc;
	VALUE_EACH (path, tidying.paths) {
		if (value_find(tidying.own_ids,
			    path->str + strlen(FOLDER "/")) != NULL)
			continue;
		rc = lease_revoke_prefix(
			req->server->store, req->mount->uuid, path->str, err);
		if (rc != 0)
			return rc;
	}
	reply_tidy_started(reply);
	return 0;
}

const struct op approle_tidy_ops[] = {
	{
		.path = "tidy/secret-id",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.handler = tidy,
		.summary = "Delete what is left of secret ids without a role.",
	},
	OP_END,
};
