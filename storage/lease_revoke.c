/*
 * Taking back: rows with all they own, by tree and by path. Every function
 * works in transactions of bounded size. A row that owns something is
 * first set REVOKING, which is durable and due at once: after a crash expiry
 * takes up where it was left.
 */
#include <string.h>

#include "storage/cubbyhole.h"
#include "storage/lease_row.h"

#define REVOKE_BATCH 500 /* rows in a transaction */
#define BUDGET_MIN 8     /* below it a walk might not get anywhere */
#define PATHS_PAGE 250
#define KEPT_BATCH 16 /* records of a cubbyhole in one step of a walk */
#define ARENA_MAX ((size_t)64 * 1024 * 1024)

/* ---- one row and all it owns ------------------------------------------- */

/* Where an own/ key is kept while its scan goes on. */
struct own_entry {
	uint8_t key[OWN_KEY];
	size_t len;
};

static int
keep_entry(void *ctx, struct span key, UNUSED struct span value,
	UNUSED struct err *err)
{
	struct own_entry *entry = ctx;

	if (key.len == OWN_KEY) {
		memcpy(entry->key, key.data, OWN_KEY);
		entry->len = OWN_KEY;
	}
	return 1;
}

/*
 * What an own/ key says of a row that cannot be read: enough to delete it and
 * to find what it owns. A due entry that it leaves is dropped by expiry.
 */
static struct lease
lease_of_entry(const struct own_entry *entry, struct rowref owner)
{
	struct lease lease = { .state = LEASE_REVOKING };

	lease.kind = entry->key[OWN_KEY - 13];
	lease.owner = owner;
	(void)row_key_parse(span_of(entry->key, entry->len), &lease.ref);
	return lease;
}

/*
 * The first row that owner owns, read. Entries without a row are dropped; one
 * that cannot be read must not shield those behind it. Of a dynamic one that
 * cannot be read the entry goes alone: the row may be mended, and must then be
 * there to be taken back.
 */
static int
first_owned(struct store_tx *tx, struct rowref owner, struct arena *arena,
	bool *ret_found, struct lease *ret_lease, struct err *err)
{
	struct row_key prefix = own_prefix(owner.row);
	struct own_entry entry;
	struct lease named;
	int rc;

	for (*ret_found = false;;) {
		entry.len = 0;
		rc = tx_scan(tx, row_key_span(&prefix), SPAN_NONE, 1, true,
			keep_entry, &entry, err);
		if (rc != 0 || entry.len == 0)
			return rc;
		named = lease_of_entry(&entry, owner);
		rc = lease_probe_readable(
			tx, named.ref, arena, ret_found, ret_lease, err);
		if (lease_is_unreadable(rc) && named.kind != LEASE_DYNAMIC) {
			*ret_lease = named;
			*ret_found = true;
			return 0;
		}
		if ((rc != 0 && !lease_is_unreadable(rc)) || *ret_found)
			return rc;
		rc = tx_delete(tx, span_of(entry.key, entry.len), err);
		if (rc != 0)
			return rc;
	}
}

/*
 * A walk below root, deepest first. It has no memory between transactions:
 * each begins at root again, so one that would go too deep hangs the row that
 * it stands before on root itself.
 */
struct walk {
	struct store_tx *tx;
	struct arena *arena;
	struct lease root;
	struct lease at;  /* the row it stands on */
	size_t depth;     /* of at below root */
	size_t depth_max; /* half of the budget: the rest is for deleting */
	bool done;        /* root is gone */
};

/* Nothing is left below: the row goes, its owner is next. */
static int
walk_up(struct walk *walk, struct err *err)
{
	struct lease gone = walk->at;
	bool found;
	int rc = lease_end(walk->tx, &gone, err);

	walk->done = rc == 0 && walk->depth == 0;
	if (rc != 0 || walk->done)
		return rc;
	walk->depth--;
	rc = lease_probe_readable(
		walk->tx, gone.owner, walk->arena, &found, &walk->at, err);
	if (!lease_is_unreadable(rc))
		return rc;
	walk->at = walk->root;
	walk->depth = 0;
	return 0;
}

static int
hang_on_root(struct walk *walk, const struct lease *child, struct err *err)
{
	struct lease moved = *child;

	moved.owner = walk->root.ref;
	return lease_update(walk->tx, child, &moved, err);
}

/* What the token kept for itself goes before it; then the row. */
static int
walk_off(struct walk *walk, struct err *err)
{
	bool more = false;
	int rc = 0;

	if (walk->at.kind == LEASE_TOKEN)
		rc = cubbyhole_drop_some(
			walk->tx, walk->at.ref, KEPT_BATCH, &more, err);
	if (rc != 0)
		return rc;
	return more ? lease_mark_revoking(walk->tx, &walk->at, err)
		    : walk_up(walk, err);
}

static int
walk_on(struct walk *walk, struct err *err)
{
	struct lease child;
	bool found;
	int rc = first_owned(
		walk->tx, walk->at.ref, walk->arena, &found, &child, err);

	if (rc != 0)
		return rc;
	if (!found)
		return walk_off(walk, err);
	rc = lease_mark_revoking(walk->tx, &walk->at, err);
	if (rc != 0)
		return rc;
	if (walk->depth == 0)
		walk->root = walk->at;
	if (child.kind != LEASE_TOKEN)
		return lease_end(walk->tx, &child, err);
	if (walk->depth >= walk->depth_max)
		return hang_on_root(walk, &child, err);
	walk->at = child;
	walk->depth++;
	return 0;
}

/* Stand on the row; one that cannot be read is taken for a dead token. */
static int
walk_start(struct walk *walk, struct rowref ref, struct err *err)
{
	bool found = true;
	int rc = lease_probe_readable(
		walk->tx, ref, walk->arena, &found, &walk->root, err);

	if (lease_is_unreadable(rc)) {
		walk->root = (struct lease){
			.kind = LEASE_TOKEN, .state = LEASE_REVOKING, .ref = ref
		};
		rc = 0;
	}
	walk->at = walk->root;
	walk->done = rc == 0 && !found;
	return rc;
}

int
lease_revoke_some(struct store_tx *tx, struct rowref ref, size_t *budget,
	struct arena *arena, bool *ret_done, struct err *err)
{
	struct walk walk = { .tx = tx, .arena = arena };
	size_t steps = *budget > BUDGET_MIN ? *budget : BUDGET_MIN, i = 0;
	int rc = walk_start(&walk, ref, err);

	walk.depth_max = steps / 2 - 1;
	for (; rc == 0 && !walk.done && i < steps; i++)
		rc = walk_on(&walk, err);
	*budget -= i < *budget ? i : *budget;
	if (rc == 0)
		*ret_done = walk.done;
	return rc;
}

int
lease_revoke_step(struct store_tx *tx, struct rowref ref, size_t budget,
	struct arena *arena, bool *ret_done, struct err *err)
{
	return lease_revoke_some(tx, ref, &budget, arena, ret_done, err);
}

/* ---- whole trees -------------------------------------------------------- */

/* What one transaction of a longer job needs and answers. */
struct job {
	struct arena *arena; /* new for each transaction */
	struct rowref ref;
	bool done;
};

/* Run fn in transactions, each with an arena of its own, until done. */
static int
run_job(struct store *store, store_fn *fn, struct job *job, struct err *err)
{
	int rc = 0;

	for (job->done = false; rc == 0 && !job->done;) {
		job->arena = arena_new(ARENA_MAX);
		if (job->arena == NULL)
			return err_set_memory(err);
		rc = store_write(store, fn, job, err);
		arena_free(&job->arena);
	}
	return rc;
}

/*
 * Dead before anything else: should a step fail, the token is not left alive
 * by it. A row that cannot be read is dead as it is.
 */
static int
kill_root(struct store_tx *tx, void *ctx, struct err *err)
{
	struct job *job = ctx;
	struct lease lease, owned;
	bool found, owns;
	int rc = lease_probe_readable(
		tx, job->ref, job->arena, &found, &lease, err);

	job->done = true;
	if (lease_is_unreadable(rc))
		return 0;
	if (rc != 0 || !found)
		return rc;
	rc = first_owned(tx, job->ref, job->arena, &owns, &owned, err);
	if (rc == 0 && !owns && lease.kind == LEASE_TOKEN)
		rc = cubbyhole_has_any(tx, job->ref, &owns, err);
	if (rc != 0)
		return rc;
	return owns ? lease_mark_revoking(tx, &lease, err)
		    : lease_end(tx, &lease, err);
}

static int
revoke_more(struct store_tx *tx, void *ctx, struct err *err)
{
	struct job *job = ctx;

	return lease_revoke_step(
		tx, job->ref, REVOKE_BATCH, job->arena, &job->done, err);
}

int
lease_revoke_tree(struct store *store, struct rowref ref, struct err *err)
{
	struct job job = { .ref = ref };
	int rc = run_job(store, kill_root, &job, err);

	return rc != 0 ? rc : run_job(store, revoke_more, &job, err);
}

/*
 * A child token owns itself from now on. Of one that is gone, or that cannot
 * be read and so is dead, the entry alone is dropped.
 */
static int
free_child(struct store_tx *tx, struct rowref owner, struct rowref ref,
	struct arena *arena, struct err *err)
{
	struct lease child = {
		.kind = LEASE_TOKEN, .ref = ref, .owner = owner
	};
	struct row_key entry = own_key(&child);
	struct lease freed;
	bool found = false;
	int rc = lease_probe_readable(tx, ref, arena, &found, &child, err);

	if (lease_is_unreadable(rc) || (rc == 0 && !found))
		return tx_delete(tx, row_key_span(&entry), err);
	if (rc != 0)
		return rc;
	freed = child;
	freed.owner = (struct rowref){ 0, 0 };
	return lease_update(tx, &child, &freed, err);
}

/* Free child tokens; with the last of them, in one transaction, kill ref. */
static int
free_children(struct store_tx *tx, void *ctx, struct err *err)
{
	struct job *job = ctx;
	struct row_key prefix = own_kind_prefix(job->ref.row, LEASE_TOKEN);
	struct row_list list;
	struct lease lease;
	bool found;
	int rc;

	rc = row_list_init(&list, job->arena, REVOKE_BATCH, err);
	if (rc == 0)
		rc = row_list_fill(
			&list, tx, row_key_span(&prefix), SPAN_NONE, err);
	for (size_t i = 0; rc == 0 && i < list.n; i++)
		rc = free_child(tx, job->ref, list.refs[i], job->arena, err);
	job->done = list.n < list.cap;
	if (rc != 0 || !job->done)
		return rc;
	rc = lease_probe(tx, job->ref, job->arena, &found, &lease, err);
	return rc != 0 || !found ? rc : lease_mark_revoking(tx, &lease, err);
}

int
lease_revoke_orphan(struct store *store, struct rowref token, struct err *err)
{
	struct job job = { .ref = token };
	int rc = run_job(store, free_children, &job, err);

	return rc != 0 ? rc : lease_revoke_tree(store, token, err);
}

/* ---- by path ------------------------------------------------------------ */

struct path_page {
	const char *mount, *prefix;
	struct arena *arena;
	uint32_t after; /* numbers up to it are done */
	uint32_t numbers[PATHS_PAGE];
	size_t n;
};

/*
 * Keep the lowest numbers above after, in order: paths come by name, and the
 * page must not miss one that is made meanwhile.
 */
static int
keep_number(void *ctx, uint32_t number, UNUSED const char *path,
	UNUSED struct err *err)
{
	struct path_page *page = ctx;
	size_t i;

	if (number <= page->after ||
		(page->n == PATHS_PAGE && number > page->numbers[page->n - 1]))
		return 0;
	if (page->n < PATHS_PAGE)
		page->n++;
	for (i = page->n - 1; i > 0 && page->numbers[i - 1] > number; i--)
		page->numbers[i] = page->numbers[i - 1];
	page->numbers[i] = number;
	return 0;
}

static int
read_paths(struct store_tx *tx, void *ctx, struct err *err)
{
	struct path_page *page = ctx;

	page->n = 0;
	return lease_paths(tx, page->mount, page->prefix, page->arena,
		keep_number, page, err);
}

/*
 * A pass over the rows of a path, one page in a transaction. Rows may come in
 * behind it, for numbers are drawn before they are inserted: the last pass
 * found nothing to end.
 */
struct sweep {
	struct arena *arena;
	struct rowref from;    /* the page begins behind it */
	struct rowref reached; /* the rest is filled in by sweep_page */
	bool ended_any, at_end;
};

/* *ret_gone: nothing is left to do for the row. */
static int
sweep_row(struct store_tx *tx, struct sweep *sweep, struct rowref ref,
	size_t *budget, bool *ret_gone, struct err *err)
{
	struct lease lease;
	bool found = false;
	int rc = lease_probe_readable(
		tx, ref, sweep->arena, &found, &lease, err);

	if (rc == 0 && found && lease_is_queued(&lease)) {
		*ret_gone = true;
		*budget -= 1;
		return 0;
	}
	if (rc != 0 && !lease_is_unreadable(rc))
		return rc;
	sweep->ended_any = true;
	return lease_revoke_some(tx, ref, budget, sweep->arena, ret_gone, err);
}

static int
sweep_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct sweep *sweep = ctx;
	struct row_key prefix = row_path_key(sweep->from.path);
	struct row_key after = row_key(sweep->from);
	size_t budget = REVOKE_BATCH;
	struct row_list list;
	bool gone = true;
	int rc;

	sweep->reached = sweep->from;
	sweep->ended_any = false;
	rc = row_list_init(&list, sweep->arena, REVOKE_BATCH, err);
	if (rc == 0)
		rc = row_list_fill(&list, tx, row_key_span(&prefix),
			row_key_span(&after), err);
	sweep->at_end = rc == 0 && list.n == 0;
	for (size_t i = 0; rc == 0 && gone && budget > 0 && i < list.n; i++) {
		rc = sweep_row(tx, sweep, list.refs[i], &budget, &gone, err);
		if (rc == 0 && gone)
			sweep->reached = list.refs[i];
	}
	return rc;
}

static int
sweep_path(struct store *store, uint32_t path, struct err *err)
{
	struct sweep sweep = { .from = { .path = path } };
	bool again = true, ended_any = false;
	int rc = 0;

	while (rc == 0 && again) {
		sweep.arena = arena_new(ARENA_MAX);
		if (sweep.arena == NULL)
			return err_set_memory(err);
		rc = store_write(store, sweep_page, &sweep, err);
		arena_free(&sweep.arena);
		ended_any = ended_any || sweep.ended_any;
		sweep.from = sweep.reached;
		if (rc == 0 && sweep.at_end) {
			again = ended_any;
			ended_any = false;
			sweep.from.row = 0;
		}
	}
	return rc;
}

/* Of each path whose number stands on a page. */
static int
sweep_paths(struct store *store, struct path_page *page, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < page->n; i++) {
		rc = sweep_path(store, page->numbers[i], err);
		page->after = page->numbers[i];
	}
	return rc;
}

int
lease_revoke_prefix(struct store *store, const char *mount_uuid,
	const char *prefix, struct err *err)
{
	struct path_page page = { .mount = mount_uuid, .prefix = prefix };
	int rc;

	do {
		page.arena = arena_new(ARENA_MAX);
		if (page.arena == NULL)
			return err_set_memory(err);
		rc = store_read(store, read_paths, &page, err);
		if (rc == 0)
			rc = sweep_paths(store, &page, err);
		arena_free(&page.arena);
	} while (rc == 0 && page.n == PATHS_PAGE);
	return rc;
}
