/*
 * The queue of what lies on other machines: LEASE_DYNAMIC rows that are
 * REVOKING, by the time of their next try. Claimed before each try, deleted
 * when it worked, put off when it did not. Who tries stands elsewhere
 * (server/core/takeback.c).
 */
#include <string.h>

#include "storage/lease_row.h"
#include "storage/pack.h"

#define QUEUE_PREFIX 6 /* bytes before the numbers of a key */
#define PAGE 500       /* rows in a transaction */
#define ARENA_MAX ((size_t)64 * 1024 * 1024)

/* ---- in and out --------------------------------------------------------- */

/* The row was deleted while its install went on: nobody else knows of it. */
static int
put_back(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct lease lost = *lease;

	lost.state = LEASE_REVOKING;
	lost.owner = (struct rowref){ 0 };
	lost.takeback = (struct lease_takeback){ .next_try_s = tx_now_s(tx) };
	return lease_insert(tx, &lost, err);
}

int
lease_end_install(struct store_tx *tx, const struct lease *lease, bool good,
	struct arena *arena, bool *ret_live, struct err *err)
{
	struct lease old, ended;
	bool found = false;
	int rc = lease_probe(tx, lease->ref, arena, &found, &old, err);

	if (rc != 0)
		return rc;
	*ret_live = good && found && old.state == LEASE_INSTALLING;
	if (!found)
		return put_back(tx, lease, err);
	ended = old;
	ended.state = *ret_live ? LEASE_LIVE : LEASE_REVOKING;
	ended.takeback.next_try_s = *ret_live ? 0 : tx_now_s(tx);
	ended.takeback.is_installing = false;
	if (!*ret_live)
		ended.owner = (struct rowref){ 0 };
	return lease_update(tx, &old, &ended, err);
}

int
lease_begin_renewal(struct store_tx *tx, const struct lease *lease,
	struct lease_again *again, struct arena *arena, struct err *err)
{
	struct lease old, marked;
	bool found = false;
	int rc = lease_probe(tx, lease->ref, arena, &found, &old, err);

	if (rc != 0)
		return rc;
	if (!found || old.state != LEASE_LIVE)
		return err_set(err, ERR_INPUT, 400, "lease is not renewable");
	/* Another's mark is known from ours. */
	again->ret_before = old.takeback.next_try_s;
	if (again->over_s <= again->ret_before)
		again->over_s = again->ret_before + 1;
	marked = old;
	marked.takeback.next_try_s = again->over_s;
	return lease_update(tx, &old, &marked, err);
}

int
lease_end_renewal(struct store_tx *tx, const struct lease *lease,
	const struct lease_again *again, bool is_there, struct arena *arena,
	bool *ret_live, struct err *err)
{
	struct lease old, ended;
	struct lease_takeback *takeback = &ended.takeback;
	bool found = false;
	int64_t now_s = tx_now_s(tx);
	int rc = lease_probe(tx, lease->ref, arena, &found, &old, err);

	if (rc != 0)
		return rc;
	*ret_live = found && old.state == LEASE_LIVE;
	if (!found)
		return is_there ? put_back(tx, lease, err) : 0;
	ended = old;
	if (*ret_live || takeback->is_installing) {
		bool goes_on = again->ret_before > now_s;

		/* One that began behind this one is waited for. */
		if (takeback->next_try_s != again->over_s)
			return 0;
		takeback->is_installing = !*ret_live && goes_on;
		takeback->next_try_s = goes_on ? again->ret_before : now_s;
	} else if (is_there) {
		takeback->next_try_s = now_s;
	} else {
		return 0;
	}
	return lease_update(tx, &old, &ended, err);
}

/* The row, where it is queued; else *ret_found is false. */
static int
probe_queued(struct store_tx *tx, struct rowref ref, struct arena *arena,
	bool *ret_found, struct lease *ret_lease, struct err *err)
{
	bool found = false;
	int rc = lease_probe(tx, ref, arena, &found, ret_lease, err);

	if (rc == 0)
		*ret_found = found && lease_is_queued(ret_lease);
	return rc;
}

/* ---- looking ------------------------------------------------------------ */

/* The keys of a page: places, in order. */
struct places {
	const struct lease_queue_page *page;
	struct lease_queue_place *places;
	size_t n;
};

static int
keep_place(void *ctx, struct span key, UNUSED struct span value,
	UNUSED struct err *err)
{
	struct places *list = ctx;
	struct unpack in = unpack_of(span_skip(key, QUEUE_PREFIX));
	struct lease_queue_place place;

	place.next_try_s = unpack_i64(&in);
	place.ref.path = unpack_u32(&in);
	place.ref.row = unpack_u64(&in);
	if (place.next_try_s > list->page->until_s)
		return 1;
	list->places[list->n++] = place;
	return 0;
}

int
lease_queue_rows(struct store_tx *tx, struct lease_queue_page *page,
	struct arena *arena, lease_row_fn *fn, void *ctx, struct err *err)
{
	const struct lease_queue_place *after = &page->after;
	struct places list = { .page = page };
	struct row_key from = queue_key(after->next_try_s, after->ref);
	int rc;

	list.places = ARENA_ARRAY(arena, struct lease_queue_place, page->limit);
	if (list.places == NULL)
		return err_set_memory(err);
	rc = tx_scan(tx, span_str("queue/"), row_key_span(&from), page->limit,
		true, keep_place, &list, err);
	page->ret_more = rc == 0 && list.n == page->limit;
	page->ret_end = list.n > 0 ? list.places[list.n - 1] : *after;
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		struct lease lease;
		bool found = false;

		rc = lease_probe_readable(
			tx, list.places[i].ref, arena, &found, &lease, err);
		if (lease_is_unreadable(rc))
			rc = 0;
		else if (rc == 0 && found)
			rc = fn(ctx, &lease, err);
	}
	return rc;
}

/* ---- a try -------------------------------------------------------------- */

struct claiming {
	struct lease_claim *claim;
	struct arena *arena;
};

/* Whether the row has to be left alone until its next try. */
static bool
must_wait(const struct lease *lease, bool is_forced, int64_t now_s)
{
	return lease->takeback.next_try_s > now_s &&
		(!is_forced || lease->takeback.is_installing);
}

static int
claim_row(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct claiming *claiming = ctx;
	struct lease_claim *claim = claiming->claim;
	int64_t now_s = tx_now_s(tx);
	struct lease claimed;
	bool found = false;
	int rc;

	claim->ret_claimed = claim->ret_waits = false;
	rc = probe_queued(tx, claim->ref, claiming->arena, &found,
		&claim->ret_lease, err);
	if (rc != 0 || !found)
		return rc;
	claim->ret_waits =
		must_wait(&claim->ret_lease, claim->is_forced, now_s);
	if (claim->ret_waits)
		return 0;
	claimed = claim->ret_lease;
	claimed.takeback.next_try_s = now_s + claim->claim_s;
	claimed.takeback.is_installing = false;
	claimed.takeback.is_claimed = true;
	claim->ret_claimed = true;
	return lease_update(tx, &claim->ret_lease, &claimed, err);
}

int
lease_queue_claim(struct store *store, struct lease_claim *claim,
	struct arena *arena, struct err *err)
{
	struct claiming claiming = { claim, arena };

	return store_write(store, claim_row, &claiming, err);
}

/* ---- its outcome -------------------------------------------------------- */

/* A part of the rows that a call is about, for one transaction. */
struct outcome {
	const struct rowref *refs;
	size_t n;
	const struct lease_failure *failure;
	struct arena *arena;
};

static int
put_off(struct store_tx *tx, const struct outcome *outcome, struct rowref ref,
	struct err *err)
{
	const struct lease_failure *failure = outcome->failure;
	struct lease old, changed;
	bool found = false;
	int rc = probe_queued(tx, ref, outcome->arena, &found, &old, err);

	if (rc != 0 || !found || must_wait(&old, true, tx_now_s(tx)))
		return rc;
	changed = old;
	changed.takeback.is_claimed = false;
	changed.takeback.next_try_s = failure->next_try_s;
	if (failure->why != NULL)
		changed.takeback.why = span_str(failure->why);
	if (failure->counts && old.takeback.attempts < UINT32_MAX)
		changed.takeback.attempts++;
	return lease_update(tx, &old, &changed, err);
}

static int
put_off_some(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct outcome *outcome = ctx;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < outcome->n; i++)
		rc = put_off(tx, outcome, outcome->refs[i], err);
	return rc;
}

static int
release_some(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct outcome *outcome = ctx;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < outcome->n; i++) {
		struct lease old, changed;
		bool found = false;

		rc = probe_queued(tx, outcome->refs[i], outcome->arena, &found,
			&old, err);
		if (rc != 0 || !found || !old.takeback.is_claimed)
			continue;
		changed = old;
		changed.takeback.is_claimed = false;
		changed.takeback.next_try_s = tx_now_s(tx);
		rc = lease_update(tx, &old, &changed, err);
	}
	return rc;
}

static int
delete_some(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct outcome *outcome = ctx;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < outcome->n; i++) {
		struct lease lease;
		bool found = false;

		rc = probe_queued(tx, outcome->refs[i], outcome->arena, &found,
			&lease, err);
		if (rc == 0 && found)
			rc = lease_delete(tx, &lease, err);
	}
	return rc;
}

/* Run fn over all refs, in as many transactions as it takes. */
static int
in_pages(struct store *store, store_fn *fn, const struct rowref *refs, size_t n,
	const struct lease_failure *failure, struct err *err)
{
	int rc = 0;

	for (size_t done = 0; rc == 0 && done < n; done += PAGE) {
		struct outcome outcome = { .refs = refs + done,
			.n = n - done < PAGE ? n - done : PAGE,
			.failure = failure,
			.arena = arena_new(ARENA_MAX) };

		if (outcome.arena == NULL)
			return err_set_memory(err);
		rc = store_write(store, fn, &outcome, err);
		arena_free(&outcome.arena);
	}
	return rc;
}

int
lease_queue_done(struct store *store, struct rowref ref, struct err *err)
{
	return in_pages(store, delete_some, &ref, 1, NULL, err);
}

int
lease_queue_failed(struct store *store, const struct rowref *refs, size_t n,
	const struct lease_failure *failure, struct err *err)
{
	return in_pages(store, put_off_some, refs, n, failure, err);
}

int
lease_force(struct store *store, struct rowref ref, struct err *err)
{
	return lease_queue_done(store, ref, err);
}

/* ---- whole queues ------------------------------------------------------- */

/* A walk over the rows of a mount, or of all. */
struct walk {
	const char *mount;   /* uuid; NULL: all */
	const char *prefix;  /* of its paths */
	bool claimed_only;   /* not what waits for its time */
	struct arena *arena; /* new for each page */
	struct store_tx *tx;
	struct lease_queue_page page;
	struct rowref refs[PAGE]; /* those of the page that are meant */
	struct lease_queue_size size;
};

/* Whole segments: "creds/web" covers "creds/web/…", not "creds/web2". */
static bool
lies_below(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	while (len > 0 && prefix[len - 1] == '/')
		len--;
	return len == 0 ||
		(strncmp(path, prefix, len) == 0 &&
			(path[len] == '\0' || path[len] == '/'));
}

static int
note_queued(void *ctx, const struct lease *lease, struct err *err)
{
	struct walk *walk = ctx;
	const char *mount = NULL, *path = NULL;

	if (walk->claimed_only && !lease->takeback.is_claimed)
		return 0;
	if (walk->mount != NULL) {
		int rc = lease_path_of(walk->tx, lease->ref.path, walk->arena,
			&mount, &path, err);

		if (rc != 0 || strcmp(mount, walk->mount) != 0 ||
			!lies_below(path, walk->prefix))
			return rc;
	}
	walk->refs[walk->size.n_pending++] = lease->ref;
	if (lease->takeback.attempts >= LEASE_MANY_ATTEMPTS)
		walk->size.n_irrevocable++;
	return 0;
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walk *walk = ctx;

	walk->tx = tx;
	walk->size = (struct lease_queue_size){ 0 };
	return lease_queue_rows(
		tx, &walk->page, walk->arena, note_queued, walk, err);
}

static void
begin_walk(struct walk *walk, const char *mount, const char *prefix)
{
	walk->mount = mount;
	walk->prefix = prefix;
	walk->claimed_only = false;
	walk->size = (struct lease_queue_size){ 0 };
	walk->page = (struct lease_queue_page){
		.until_s = INT64_MAX, .limit = PAGE, .ret_more = true
	};
}

/* The next page: its refs and its size. */
static int
walk_on(struct store *store, struct walk *walk, struct err *err)
{
	int rc;

	walk->arena = arena_new(ARENA_MAX);
	if (walk->arena == NULL)
		return err_set_memory(err);
	rc = store_read(store, read_page, walk, err);
	arena_free(&walk->arena);
	walk->page.after = walk->page.ret_end;
	return rc;
}

/* Rows that move to the front are behind the walk, or no more claimed. */
int
lease_queue_release(struct store *store, struct err *err)
{
	struct walk walk;
	int rc = 0;

	begin_walk(&walk, NULL, "");
	walk.claimed_only = true;
	while (rc == 0 && walk.page.ret_more) {
		rc = walk_on(store, &walk, err);
		if (rc == 0)
			rc = in_pages(store, release_some, walk.refs,
				walk.size.n_pending, NULL, err);
	}
	return rc;
}

int
lease_force_prefix(struct store *store, const char *mount_uuid,
	const char *prefix, struct err *err)
{
	struct walk walk;
	int rc = 0;

	begin_walk(&walk, mount_uuid, prefix);
	while (rc == 0 && walk.page.ret_more) {
		rc = walk_on(store, &walk, err);
		if (rc == 0)
			rc = in_pages(store, delete_some, walk.refs,
				walk.size.n_pending, NULL, err);
	}
	return rc;
}

int
lease_queue_below(struct store *store, const char *mount_uuid,
	const char *prefix, size_t cap, struct rowref *refs, size_t *ret_n,
	struct err *err)
{
	struct walk walk;
	size_t n = 0;
	int rc = 0;

	begin_walk(&walk, mount_uuid, prefix);
	while (rc == 0 && walk.page.ret_more && n < cap) {
		rc = walk_on(store, &walk, err);
		for (size_t i = 0;
			rc == 0 && i < walk.size.n_pending && n < cap; i++)
			refs[n++] = walk.refs[i];
	}
	if (rc == 0)
		*ret_n = n;
	return rc;
}

int
lease_queue_size(struct store *store, const char *mount_uuid,
	struct lease_queue_size *ret_size, struct err *err)
{
	struct lease_queue_size size = { 0 };
	struct walk walk;
	int rc = 0;

	begin_walk(&walk, mount_uuid, "");
	while (rc == 0 && walk.page.ret_more) {
		rc = walk_on(store, &walk, err);
		size.n_pending += walk.size.n_pending;
		size.n_irrevocable += walk.size.n_irrevocable;
	}
	if (rc == 0)
		*ret_size = size;
	return rc;
}
