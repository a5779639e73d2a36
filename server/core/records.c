/* A page is read in one snapshot and handed out after it is closed. */
#include "server/core/records.h"

#include <string.h>

#define PAGE 200
#define PAGE_BYTES ((size_t)8 * 1024 * 1024) /* a page of more ends */
#define PAGE_MEMORY_MAX (PAGE_BYTES + (size_t)64 * 1024 * 1024)

struct page {
	const struct kv *kv;
	const char *prefix;
	char after[KV_KEY_MAX]; /* name of the last record handed out */
	struct arena *arena;
	struct value *records; /* object: name to value */
	bool more;             /* behind this page */
};

/* A page ends by number or by size: there may be many large records. */
static int
collect(void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct page *page = ctx;

	if (!value_append(page->arena, page->records, name,
		    value_copy(page->arena, value)))
		return err_set_memory(err);
	page->more = page->records->n == PAGE ||
		arena_used(page->arena) > PAGE_BYTES;
	return page->more ? 1 : 0;
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct page *page = ctx;

	page->more = false;
	page->records = value_object(page->arena);
	if (page->records == NULL)
		return err_set_memory(err);
	return kv_scan(tx, page->kv, page->prefix,
		page->after[0] == '\0' ? NULL : page->after, 0, page->arena,
		collect, page, err);
}

static int
hand_out(struct page *page, kv_scan_fn *fn, void *ctx, struct err *err)
{
	VALUE_EACH (record, page->records) {
		int rc = fn(ctx, record->key, record, err);

		if (rc != 0)
			return rc;
		if (strlen(record->key) >= sizeof(page->after))
			return err_set(err, ERR_LIMIT, 500, "internal error");
		memcpy(page->after, record->key, strlen(record->key) + 1);
	}
	return 0;
}

int
records_each(struct store *store, const struct kv *kv, const char *prefix,
	kv_scan_fn *fn, void *ctx, struct err *err)
{
	struct page page = { .kv = kv, .prefix = prefix, .more = true };
	int rc = 0;

	while (rc == 0 && page.more) {
		page.arena = arena_new(PAGE_MEMORY_MAX);
		if (page.arena == NULL)
			return err_set_memory(err);
		rc = store_read(store, read_page, &page, err);
		if (rc != 0)
			err_wrap(err, "records %s after \"%s\"", prefix,
				page.after);
		else
			rc = hand_out(&page, fn, ctx, err);
		arena_free(&page.arena);
	}
	return rc;
}

struct deletion {
	const struct kv *kv;
	const char *name;
};

static int
delete_one(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct deletion *deletion = ctx;

	if (!kv_exists(tx, deletion->kv, deletion->name))
		return 0;
	return kv_delete(tx, deletion->kv, deletion->name, err);
}

int
records_delete(struct store *store, const struct kv *kv, const char *name,
	struct err *err)
{
	struct deletion deletion = { kv, name };

	return store_write(store, delete_one, &deletion, err);
}
