/* Facts of committed changes under out/<request id>; see storage/outbox.h. */
#include "storage/outbox.h"

#include <string.h>

#include "storage/pack.h"

#define OUTBOX_VERSION 1
#define OUTBOX_SIZE_MAX 16384
#define OUTBOX_PAGE 500
#define OUTBOX_KEY_MAX 48

/* A page in memory, which only rows of the largest size would fill. */
#define PAGE_MEMORY_MAX ((size_t)OUTBOX_PAGE * 2 * OUTBOX_SIZE_MAX)

static const char prefix[] = "out/";

static struct span
fact_key(const char *request_id, char key[OUTBOX_KEY_MAX])
{
	const char *const parts[] = { prefix, request_id };

	if (!str_join(key, OUTBOX_KEY_MAX, parts, ARRAY_LEN(parts)))
		return SPAN_NONE;
	return span_str(key);
}

int
outbox_put(struct store_tx *tx, const struct outbox_fact *fact, struct err *err)
{
	char key[OUTBOX_KEY_MAX];
	struct buf bytes;
	int rc;

	buf_init(&bytes, OUTBOX_SIZE_MAX);
	pack_u8(&bytes, OUTBOX_VERSION);
	pack_i64(&bytes, fact->time_ns);
	pack_u32(&bytes, (uint32_t)fact->status);
	pack_str(&bytes, fact->operation);
	pack_str(&bytes, fact->path);
	pack_str(&bytes, fact->accessor);
	pack_str(&bytes, fact->lease_id);
	rc = buf_check(&bytes, err);
	if (rc == 0)
		rc = tx_put(tx, fact_key(fact->request_id, key),
			buf_span(&bytes), err);
	buf_clear(&bytes);
	return rc;
}

void
outbox_done(struct store *store, const char *request_id)
{
	char key[OUTBOX_KEY_MAX];

	store_delete_later(store, fact_key(request_id, key));
}

/* ---- all of them, by pages --------------------------------------------- */

struct page {
	struct arena *arena; /* of the facts' texts */
	struct outbox_fact facts[OUTBOX_PAGE];
	size_t n;
	const char *after; /* the last key of the page before; "" at first */
};

static int
keep_fact(void *ctx, struct span key, struct span value, struct err *err)
{
	struct page *page = ctx;
	struct outbox_fact fact = { .status = 0 };
	struct span id = span_skip(key, sizeof(prefix) - 1);
	struct unpack in = unpack_of(value);
	int rc;

	if (unpack_u8(&in) != OUTBOX_VERSION ||
		id.len >= sizeof(fact.request_id))
		in.bad = true;
	else
		memcpy(fact.request_id, id.data, id.len);
	fact.time_ns = unpack_i64(&in);
	fact.status = (int)unpack_u32(&in);
	fact.operation = unpack_str(&in, page->arena);
	fact.path = unpack_str(&in, page->arena);
	fact.accessor = unpack_str(&in, page->arena);
	fact.lease_id = unpack_str(&in, page->arena);
	rc = unpack_end(&in, "an outbox record", err);
	if (rc == 0)
		page->facts[page->n++] = fact;
	return rc;
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct page *page = ctx;

	page->n = 0;
	return tx_scan(tx, span_str(prefix), span_str(page->after), OUTBOX_PAGE,
		false, keep_fact, page, err);
}

/* One page in memory of its own; *ret_n: how many rows it had. */
static int
scan_page(struct store *store, char after[OUTBOX_KEY_MAX], outbox_fn *fn,
	void *ctx, size_t *ret_n, struct err *err)
{
	struct arena *arena = arena_new(PAGE_MEMORY_MAX);
	struct page *page = NULL;
	int rc;

	if (arena != NULL)
		page = ARENA_NEW(arena, struct page);
	if (page == NULL) {
		arena_free(&arena);
		return err_set_memory(err);
	}
	page->arena = arena;
	page->after = after;
	rc = store_read(store, read_page, page, err);
	/* Outside of the transaction: fn may wait for a disk. */
	if (rc == 0 && page->n > 0)
		rc = fn(ctx, page->facts, page->n, err);
	if (rc == 0 && page->n > 0)
		(void)fact_key(page->facts[page->n - 1].request_id, after);
	*ret_n = page->n;
	arena_free(&arena);
	return rc;
}

int
outbox_scan(struct store *store, outbox_fn *fn, void *ctx, struct err *err)
{
	char after[OUTBOX_KEY_MAX] = "";
	size_t n = 0;
	int rc;

	do {
		rc = scan_page(store, after, fn, ctx, &n, err);
	} while (rc == 0 && n == OUTBOX_PAGE);
	return rc;
}
