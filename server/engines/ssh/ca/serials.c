/*
 * Rows are numbered by the version of the list that has them first, and
 * versions rise from commit to commit: what is behind the last row that was
 * seen is all that is new.
 */
#include "server/engines/ssh/ca/serials.h"

#include <stdlib.h>
#include <string.h>

#include "server/engines/ssh/ca/issuer.h"
#include "storage/cache.h"

#define PAGE 500
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define IDS_MEMORY_MAX ((size_t)16 * 1024 * 1024)
#define NEWS_MAX ((size_t)512 * 1024 * 1024)

struct guard ssh_serials_guard;

struct ssh_serials {
	pthread_mutex_t lock;
	struct arena *arena; /* of the ids */
	struct str_list ids GUARDED_BY(ssh_serials_guard);
	struct ssh_serial *items GUARDED_BY(ssh_serials_guard);
	size_t n GUARDED_BY(ssh_serials_guard);
	uint64_t last_row GUARDED_BY(ssh_serials_guard);
};

/* ---- what is new -------------------------------------------------------- */

struct news {
	struct req *req;
	struct ssh_serials *serials;
	uint32_t path;
	uint64_t after;   /* the last row seen */
	struct buf items; /* struct ssh_serial, as they come */
	int64_t now_s;
	size_t n_seen; /* in this page */
	struct arena *page;
};

static int
place_of(struct ssh_serials *serials, const char *id, uint32_t *ret_place,
	struct err *err) REQUIRES(ssh_serials_guard)
{
	struct str_list *ids = &serials->ids;
	size_t at = 0;

	while (at < ids->n && strcmp(ids->items[at], id) != 0)
		at++;
	if (at == ids->n) {
		id = arena_strdup(serials->arena, id);
		if (id == NULL || !str_list_add(serials->arena, ids, id))
			return err_set_memory(err);
	}
	*ret_place = (uint32_t)at;
	return 0;
}

static int
note_row(void *ctx, const struct lease *lease, struct err *err)
	REQUIRES(ssh_serials_guard)
{
	struct news *news = ctx;
	struct ssh_serial item = { .end_s = lease->expire_s };
	char id[37];
	int rc;

	news->n_seen++;
	news->after = lease->ref.row;
	rc = ssh_revoked_row_decode(lease, &item.number, id, err);
	if (rc == 0)
		rc = place_of(news->serials, id, &item.issuer, err);
	if (rc == 0 && buf_add(&news->items, &item, sizeof(item)) != 0)
		rc = buf_check(&news->items, err);
	return rc;
}

static int
read_rows(struct store_tx *tx, void *ctx, struct err *err)
{
	struct news *news = ctx;

	news->n_seen = 0;
	news->now_s = tx_now_s(tx);
	return lease_rows(tx, news->path, news->after, PAGE, news->page,
		note_row, news, err);
}

static int
read_news(struct news *news, struct err *err)
{
	int rc;

	do {
		news->page = arena_new(PAGE_MEMORY_MAX);
		if (news->page == NULL)
			return err_set_memory(err);
		rc = req_read(news->req, read_rows, news, err);
		arena_free(&news->page);
	} while (rc == 0 && news->n_seen == PAGE);
	return rc;
}

/* ---- putting it among the rest ------------------------------------------ */

static int
compare(const void *one, const void *other)
{
	const struct ssh_serial *a = one, *b = other;

	if (a->issuer != b->issuer)
		return a->issuer < b->issuer ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/*
 * Both in order become one, perhaps in the place of the first, without what
 * has ended.
 */
static size_t
merge(struct ssh_serial *out, const struct ssh_serial *one, size_t n_one,
	const struct ssh_serial *other, size_t n_other, int64_t now_s)
{
	size_t n = 0, i = 0, j = 0;

	while (i < n_one || j < n_other) {
		const bool is_one = j == n_other ||
			(i < n_one && compare(&one[i], &other[j]) <= 0);
		const struct ssh_serial *next =
			is_one ? &one[i++] : &other[j++];

		if (next->end_s > now_s)
			out[n++] = *next;
	}
	return n;
}

static int
take_news(struct ssh_serials *serials, struct news *news, struct err *err)
	REQUIRES(ssh_serials_guard)
{
	struct ssh_serial *fresh = (void *)news->items.data, *merged = NULL;
	const size_t n_fresh = news->items.len / sizeof(*fresh);

	if (n_fresh == 0) {
		serials->n = merge(serials->items, serials->items, serials->n,
			NULL, 0, news->now_s);
		return 0;
	}
	qsort(fresh, n_fresh, sizeof(*fresh), compare);
	merged = calloc(serials->n + n_fresh, sizeof(*merged));
	if (merged == NULL)
		return err_set_memory(err);
	serials->n = merge(merged, serials->items, serials->n, fresh, n_fresh,
		news->now_s);
	free(serials->items);
	serials->items = merged;
	/* Only now: what did not get in is read again. */
	serials->last_row = news->after;
	return 0;
}

static int
catch_up(struct ssh_serials *serials, struct req *req, struct err *err)
	REQUIRES(ssh_serials_guard)
{
	struct news news = {
		.req = req, .serials = serials, .after = serials->last_row
	};
	struct ssh_cert_paths paths;
	int rc = ssh_cert_paths_get(req, &paths, err);

	if (rc != 0)
		return rc;
	news.path = paths.revoked;
	buf_init(&news.items, NEWS_MAX);
	rc = read_news(&news, err);
	if (rc == 0)
		rc = take_news(serials, &news, err);
	buf_clear(&news.items);
	return rc;
}

/* ---- keeping them ------------------------------------------------------- */

static void
serials_free(void *object)
{
	struct ssh_serials *serials = object;

	guard_unshared(&ssh_serials_guard);
	if (serials == NULL)
		return;
	free(serials->items);
	arena_free(&serials->arena);
	(void)pthread_mutex_destroy(&serials->lock);
	free(serials);
}

/* None yet. What the record says is of no matter. */
static int
serials_new(UNUSED const void *ctx, UNUSED struct span key,
	UNUSED struct span value, void **ret_object, size_t *ret_size,
	struct err *err)
{
	struct ssh_serials *serials = calloc(1, sizeof(*serials));

	if (serials == NULL)
		return err_set_memory(err);
	serials->arena = arena_new(IDS_MEMORY_MAX);
	if (serials->arena == NULL ||
		pthread_mutex_init(&serials->lock, NULL) != 0) {
		arena_free(&serials->arena);
		free(serials);
		return err_set_memory(err);
	}
	*ret_object = serials;
	*ret_size = sizeof(*serials);
	return 0;
}

static const struct compiled_type serials_type = {
	.name = "revoked serial numbers",
	.compile = serials_new,
	.free = serials_free,
};

static int
use(struct ssh_serials *serials, struct req *req, ssh_serials_fn *fn, void *ctx,
	struct err *err)
{
	int rc;

	lock_take(&serials->lock, &ssh_serials_guard);
	rc = catch_up(serials, req, err);
	if (rc == 0)
		rc = fn(ctx, serials, err);
	lock_give(&serials->lock, &ssh_serials_guard);
	return rc;
}

/* A mount without issuers never signed: there are none, and none to keep. */
static int
use_none(struct req *req, ssh_serials_fn *fn, void *ctx, struct err *err)
{
	void *serials = NULL;
	size_t size;
	int rc = serials_new(NULL, SPAN_NONE, SPAN_NONE, &serials, &size, err);

	if (rc == 0)
		rc = use(serials, req, fn, ctx, err);
	serials_free(serials);
	return rc;
}

int
ssh_serials_use(struct req *req, ssh_serials_fn *fn, void *ctx, struct err *err)
{
	struct compiled *ref = NULL;
	char key[KV_KEY_MAX];
	int rc = kv_key(&req->mount->kv, SSH_ISSUERS_RECORD, key, err);

	if (rc == 0)
		rc = store_compiled(req->server->store, span_str(key),
			&serials_type, &ref, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return use_none(req, fn, ctx, err);
	}
	if (rc != 0)
		return rc;
	/* All of it is guarded by its own lock. */
	rc = use((struct ssh_serials *)(uintptr_t)compiled_object(ref), req, fn,
		ctx, err);
	compiled_unref(&ref);
	return rc;
}

/* ---- looking at them ---------------------------------------------------- */

const struct str_list *
ssh_serials_issuers(const struct ssh_serials *serials)
{
	return &serials->ids;
}

/* The first that is not before this one. */
static size_t
lower_bound(const struct ssh_serials *serials, const struct ssh_serial *wanted)
	REQUIRES(ssh_serials_guard)
{
	size_t from = 0, to = serials->n;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;

		if (compare(&serials->items[middle], wanted) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

const struct ssh_serial *
ssh_serials_of(
	const struct ssh_serials *serials, const char *issuer_id, size_t *ret_n)
{
	const struct str_list *ids = &serials->ids;
	size_t place = 0, first;

	*ret_n = 0;
	while (place < ids->n && strcmp(ids->items[place], issuer_id) != 0)
		place++;
	if (place == ids->n)
		return NULL;
	first = lower_bound(
		serials, &(struct ssh_serial){ .issuer = (uint32_t)place });
	*ret_n =
		lower_bound(serials,
			&(struct ssh_serial){ .issuer = (uint32_t)place + 1 }) -
		first;
	return serials->items + first;
}
