/* accessors: the names of all tokens, without their power; tidy. */
#include <string.h>

#include "server/api/reply.h"
#include "server/api/row_ids.h"
#include "server/auth/token/subject.h"
#include "server/auth/token/tables.h"

/* Path numbers of tokens: those of the auth mounts. */
struct path_list {
	uint32_t *numbers;
	size_t n, cap;
};

struct list_ctx {
	struct req *req;
	struct value *mounts; /* uuids */
	const char *mount;    /* whose paths are being read */
	struct path_list paths;
};

static int
note_path(void *ctx, uint32_t number, UNUSED const char *path, struct err *err)
{
	struct list_ctx *list = ctx;
	struct path_list *paths = &list->paths;

	if (paths->n == paths->cap) {
		const size_t cap = paths->cap == 0 ? 64 : paths->cap * 2;
		uint32_t *grown = ARENA_ARRAY(list->req->arena, uint32_t, cap);

		if (grown == NULL)
			return err_set_memory(err);
		if (paths->n > 0)
			memcpy(grown, paths->numbers,
				paths->n * sizeof(*grown));
		paths->numbers = grown;
		paths->cap = cap;
	}
	paths->numbers[paths->n++] = number;
	return 0;
}

static int
read_paths(struct store_tx *tx, void *ctx, struct err *err)
{
	struct list_ctx *list = ctx;

	return lease_paths(
		tx, list->mount, "", list->req->arena, note_path, list, err);
}

static int
note_mount(void *ctx, const struct mount *mount, struct err *err)
{
	struct list_ctx *list = ctx;

	if (!mount->type->is_auth)
		return 0;
	return value_add(list->mounts,
		       value_string(list->req->arena, mount->uuid))
		? 0
		: err_set_memory(err);
}

/* A token's row stands under the mount that made it: all are asked. */
static int
find_paths(struct list_ctx *list, struct err *err)
{
	int rc = mounts_each(list->req->server->mounts, note_mount, list, err);

	for (const struct value *uuid = list->mounts->first;
		rc == 0 && uuid != NULL; uuid = uuid->next) {
		list->mount = uuid->str;
		rc = req_read(list->req, read_paths, list, err);
	}
	return rc;
}

static bool
is_live_token(const struct lease *lease)
{
	return lease->kind == LEASE_TOKEN && lease->state == LEASE_LIVE;
}

static int
list_accessors(struct req *req, struct reply *reply, struct err *err)
{
	struct list_ctx list = { .req = req, .mounts = value_list(req->arena) };
	struct value *names = value_list(req->arena);
	int rc;

	if (names == NULL || list.mounts == NULL)
		return err_set_memory(err);
	rc = find_paths(&list, err);
	for (size_t i = 0; rc == 0 && i < list.paths.n; i++)
		rc = row_ids_add(req,
			&(struct row_ids){ .mount_uuid = req->mount->uuid,
				.path = list.paths.numbers[i],
				.kind = ROWID_ACCESSOR,
				.wants = is_live_token },
			names, err);
	if (rc == 0)
		reply_keys(reply, names);
	return rc;
}

/* Nothing is ever left to tidy: rows take their entries along. */
static int
tidy_tokens(UNUSED struct req *req, struct reply *reply, UNUSED struct err *err)
{
	reply_tidy_started(reply);
	return 0;
}

const struct op token_accessor_ops[] = {
	TOKEN_OP("accessors", OP_LIST, NULL, list_accessors,
		"List the accessors of all tokens.", .flags = OP_SUDO),
	{
		.path = "tidy",
		.verb = OP_UPDATE,
		.handler = tidy_tokens,
		.summary =
			"Accepted for old clients: the store keeps itself tidy.",
	},
	OP_END,
};
