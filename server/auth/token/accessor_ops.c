/* accessors: the names of all tokens, without their power; tidy. */
#include <string.h>

#include "server/api/reply.h"
#include "server/auth/token/subject.h"
#include "server/auth/token/tables.h"
#include "server/core/seal.h"

/* Rows looked at in one snapshot. */
#define PAGE 500
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)

/* Path numbers of tokens: those of the auth mounts. */
struct path_list {
	uint32_t *numbers;
	size_t n, cap;
};

struct list_ctx {
	struct req *req;
	struct barrier *barrier;
	struct value *names;
	struct arena *page;   /* of the rows at hand */
	uint32_t path;        /* whose rows are being read */
	uint64_t after;       /* the last row seen of it */
	size_t n_seen;        /* in this page */
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

static int
add_accessor(void *ctx, const struct lease *lease, struct err *err)
{
	struct list_ctx *list = ctx;
	char accessor[ROWID_TEXT_MAX];
	int rc;

	list->n_seen++;
	list->after = lease->ref.row;
	if (lease->kind != LEASE_TOKEN || lease->state != LEASE_LIVE)
		return 0;
	rc = rowid_format(list->barrier, ROWID_ACCESSOR, list->req->mount->uuid,
		lease->ref, lease->salt, accessor, err);
	if (rc != 0)
		return rc;
	return value_add(list->names, value_string(list->req->arena, accessor))
		? 0
		: err_set_memory(err);
}

static int
read_rows(struct store_tx *tx, void *ctx, struct err *err)
{
	struct list_ctx *list = ctx;

	list->n_seen = 0;
	return lease_rows(tx, list->path, list->after, PAGE, list->page,
		add_accessor, list, err);
}

/* Rows and the barrier are held for a page at a time: there may be many. */
static int
read_page(struct list_ctx *list, struct err *err)
{
	struct seal *seal = list->req->server->seal;
	int rc;

	list->page = arena_new(PAGE_MEMORY_MAX);
	if (list->page == NULL)
		return err_set_memory(err);
	list->barrier = seal_hold_barrier(seal);
	if (list->barrier == NULL) {
		rc = err_set(err, ERR_SEALED, 503, "Vault is sealed");
	} else {
		rc = req_read(list->req, read_rows, list, err);
		seal_release_barrier(seal);
	}
	arena_free(&list->page);
	return rc;
}

static int
read_all_rows(struct list_ctx *list, struct err *err)
{
	int rc = find_paths(list, err);

	for (size_t i = 0; rc == 0 && i < list->paths.n; i++) {
		list->path = list->paths.numbers[i];
		list->after = 0;
		do {
			rc = read_page(list, err);
		} while (rc == 0 && list->n_seen == PAGE);
	}
	return rc;
}

static int
list_accessors(struct req *req, struct reply *reply, struct err *err)
{
	struct list_ctx list = { .req = req,
		.names = value_list(req->arena),
		.mounts = value_list(req->arena) };
	int rc;

	if (list.names == NULL || list.mounts == NULL)
		return err_set_memory(err);
	rc = read_all_rows(&list, err);
	if (rc == 0)
		reply_keys(reply, list.names);
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
