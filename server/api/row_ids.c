/*
 * There may be very many rows: snapshot, memory and barrier are held for a page
 * of them at a time.
 */
#include "server/api/row_ids.h"

#include "server/core/seal.h"

#define PAGE 500
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)

struct walk {
	const struct row_ids *ids;
	struct req *req;
	struct value *names;
	struct barrier *barrier;
	struct arena *page; /* of the rows at hand */
	uint64_t after;     /* the last row seen */
	size_t n_seen;      /* in this page */
};

static int
add_info(const struct walk *walk, const char *name, const struct lease *lease,
	struct err *err)
{
	const struct row_ids *ids = walk->ids;
	struct value *info = NULL;
	int rc = ids->info(walk->req, lease, &info, err);

	if (rc != 0)
		return rc;
	return value_append(walk->req->arena, ids->infos, name, info)
		? 0
		: err_set_memory(err);
}

static int
add_id(void *ctx, const struct lease *lease, struct err *err)
{
	struct walk *walk = ctx;
	const struct row_ids *ids = walk->ids;
	char text[ROWID_TEXT_MAX];
	int rc;

	walk->n_seen++;
	walk->after = lease->ref.row;
	if (ids->wants != NULL && !ids->wants(lease))
		return 0;
	rc = rowid_format(walk->barrier, ids->kind, ids->mount_uuid, lease->ref,
		lease->salt, text, err);
	if (rc != 0)
		return rc;
	if (!value_add(walk->names, value_string(walk->req->arena, text)))
		return err_set_memory(err);
	return ids->info != NULL ? add_info(walk, text, lease, err) : 0;
}

static int
read_rows(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walk *walk = ctx;

	walk->n_seen = 0;
	return lease_rows(tx, walk->ids->path, walk->after, PAGE, walk->page,
		add_id, walk, err);
}

static int
read_page(struct walk *walk, struct err *err)
{
	struct seal *seal = walk->req->server->seal;
	int rc;

	walk->page = arena_new(PAGE_MEMORY_MAX);
	if (walk->page == NULL)
		return err_set_memory(err);
	walk->barrier = seal_hold_barrier(seal);
	if (walk->barrier == NULL) {
		rc = err_set(err, ERR_SEALED, 503, "Vault is sealed");
	} else {
		rc = req_read(walk->req, read_rows, walk, err);
		seal_release_barrier(seal);
	}
	arena_free(&walk->page);
	return rc;
}

int
row_ids_add(struct req *req, const struct row_ids *ids, struct value *names,
	struct err *err)
{
	struct walk walk = { .ids = ids, .req = req, .names = names };
	int rc;

	do {
		rc = read_page(&walk, err);
	} while (rc == 0 && walk.n_seen == PAGE);
	return rc;
}
