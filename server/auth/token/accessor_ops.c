/* accessors: the names of all tokens, without their power. */
#include <string.h>

#include "server/api/reply.h"
#include "server/auth/token/subject.h"
#include "server/auth/token/tables.h"
#include "server/core/seal.h"

/* Rows looked at in one snapshot. */
#define PAGE 500
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)

struct list_ctx {
	struct req *req;
	struct barrier *barrier;
	struct value *names;
	struct arena *page; /* of the rows at hand */
	uint32_t path;      /* whose rows are being read */
	uint64_t after;     /* the last row seen of it */
	size_t n_seen;      /* in this page */
	uint32_t *paths;    /* path numbers of the mount */
	size_t n_paths;
};

static int
note_path(void *ctx, uint32_t number, const char *path, struct err *err)
{
	struct list_ctx *list = ctx;
	uint32_t *grown =
		ARENA_ARRAY(list->req->arena, uint32_t, list->n_paths + 1);

	(void)path;
	if (grown == NULL)
		return err_set_memory(err);
	if (list->n_paths > 0)
		memcpy(grown, list->paths,
			list->n_paths * sizeof(*list->paths));
	grown[list->n_paths++] = number;
	list->paths = grown;
	return 0;
}

static int
read_paths(struct store_tx *tx, void *ctx, struct err *err)
{
	struct list_ctx *list = ctx;

	return lease_paths(tx, list->req->mount->uuid, "", list->req->arena,
		note_path, list, err);
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
	int rc = req_read(list->req, read_paths, list, err);

	for (size_t i = 0; rc == 0 && i < list->n_paths; i++) {
		list->path = list->paths[i];
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
	struct list_ctx list = { .req = req, .names = value_list(req->arena) };
	int rc = read_all_rows(&list, err);

	if (rc == 0)
		reply_keys(reply, list.names);
	return rc;
}

const struct op token_accessor_ops[] = {
	TOKEN_OP("accessors", OP_LIST, NULL, list_accessors,
		"List the accessors of all tokens.", .flags = OP_SUDO),
	OP_END,
};
