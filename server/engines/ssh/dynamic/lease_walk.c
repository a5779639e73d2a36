/* Paths are noted first, then each one's rows are read a page at a time. */
#include "server/engines/ssh/dynamic/lease_walk.h"

#define FOLDER "creds"
#define PAGE 200
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)

struct path {
	uint32_t number;
	struct path *next;
};

/* The rows of one page. */
struct row {
	struct lease lease;
	struct row *next;
};

struct walk {
	const struct mount *mount;
	enum lease_kind kind;
	struct arena *arena; /* of the paths */
	struct path *paths;
	/* a page */
	struct arena *page;
	uint32_t path;
	uint64_t after, newest; /* rows: of the last page, of this one */
	size_t n;
	struct row *first, **last;
};

static int
note_path(void *ctx, uint32_t number, UNUSED const char *path, struct err *err)
{
	struct walk *walk = ctx;
	struct path *noted = ARENA_NEW(walk->arena, struct path);

	if (noted == NULL)
		return err_set_memory(err);
	*noted = (struct path){ .number = number, .next = walk->paths };
	walk->paths = noted;
	return 0;
}

static int
read_paths(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walk *walk = ctx;

	walk->paths = NULL;
	return lease_paths(tx, walk->mount->uuid, FOLDER, walk->arena,
		note_path, walk, err);
}

static int
note_row(void *ctx, const struct lease *lease, struct err *err)
{
	struct walk *walk = ctx;
	struct row *row = NULL;

	walk->n++;
	walk->newest = lease->ref.row;
	if (lease->kind != walk->kind)
		return 0;
	row = ARENA_NEW(walk->page, struct row);
	if (row == NULL)
		return err_set_memory(err);
	row->lease = *lease;
	*walk->last = row;
	walk->last = &row->next;
	return 0;
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walk *walk = ctx;

	walk->n = 0;
	walk->newest = walk->after;
	walk->first = NULL;
	walk->last = &walk->first;
	return lease_rows(tx, walk->path, walk->after, PAGE, walk->page,
		note_row, walk, err);
}

static int
walk_page(struct server *server, struct walk *walk, lease_walk_fn *fn,
	void *ctx, struct err *err)
{
	int rc;

	walk->page = arena_new(PAGE_MEMORY_MAX);
	if (walk->page == NULL)
		return err_set_memory(err);
	rc = store_read(server->store, read_page, walk, err);
	for (const struct row *row = walk->first; rc == 0 && row != NULL;
		row = row->next)
		rc = fn(ctx, &row->lease, walk->page, err);
	arena_free(&walk->page);
	walk->after = walk->newest;
	return rc;
}

static int
walk_path(struct server *server, struct walk *walk, uint32_t path,
	lease_walk_fn *fn, void *ctx, struct err *err)
{
	int rc;

	walk->path = path;
	walk->after = 0;
	do
		rc = walk_page(server, walk, fn, ctx, err);
	while (rc == 0 && walk->n == PAGE);
	return rc;
}

int
lease_walk(struct server *server, const struct mount *mount,
	enum lease_kind kind, lease_walk_fn *fn, void *ctx, struct err *err)
{
	struct walk walk = { .mount = mount,
		.kind = kind,
		.arena = arena_new(PAGE_MEMORY_MAX) };
	int rc = walk.arena == NULL
		? err_set_memory(err)
		: store_read(server->store, read_paths, &walk, err);

	for (const struct path *path = walk.paths; rc == 0 && path != NULL;
		path = path->next)
		rc = walk_path(server, &walk, path->number, fn, ctx, err);
	arena_free(&walk.arena);
	return rc;
}
