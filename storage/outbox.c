/* Facts of committed changes, by commit; see storage/outbox.h. */
#include "storage/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/inside.h"
#include "storage/pack.h"

#define OUTBOX_VERSION 2 /* version 1 held one fact, its id in the key */
#define FACT_SIZE_MAX 16384
#define RECORD_SIZE_MAX (8 * FACT_SIZE_MAX)
#define OUTBOX_PAGE 32
#define OUTBOX_KEY_MAX 48

/* A page in memory, which only records of the largest size would fill. */
#define PAGE_MEMORY_MAX ((size_t)OUTBOX_PAGE * 6 * RECORD_SIZE_MAX)

static const char prefix[] = "out/";

struct outbox_record {
	struct outbox_record *next; /* of its transaction */
	struct buf bytes;           /* until they are written */
	bool written;
	char id[37];            /* of its first fact */
	atomic_size_t n_left;   /* facts that somebody will call done */
	atomic_bool lacks_line; /* of one that is */
};

static struct span
record_key(const char *id, char key[OUTBOX_KEY_MAX])
{
	const char *const parts[] = { prefix, id };

	if (!str_join(key, OUTBOX_KEY_MAX, parts, ARRAY_LEN(parts)))
		return SPAN_NONE;
	return span_str(key);
}

/* ---- in a transaction --------------------------------------------------- */

static void
record_free(struct outbox_record *record)
{
	buf_clear(&record->bytes);
	free(record);
}

static struct outbox_record *
add_record(struct store_tx *tx, const char *id)
{
	struct outbox_record *record = calloc(1, sizeof(*record));

	if (record == NULL)
		return NULL;
	(void)snprintf(record->id, sizeof(record->id), "%s", id);
	buf_init(&record->bytes, RECORD_SIZE_MAX);
	pack_u8(&record->bytes, OUTBOX_VERSION);
	record->next = tx->records;
	tx->records = record;
	return record;
}

/* The record that takes the next fact; a full one is written first. */
static int
find_record(struct store_tx *tx, const char *id,
	struct outbox_record **ret_record, struct err *err)
{
	struct outbox_record *record = tx->records;
	int rc = 0;

	if (record != NULL &&
		record->bytes.len > RECORD_SIZE_MAX - FACT_SIZE_MAX)
		rc = outbox_flush(tx, err);
	if (rc == 0 && (record == NULL || record->written))
		record = add_record(tx, id);
	if (rc == 0 && record == NULL)
		rc = err_set_memory(err);
	if (rc == 0)
		*ret_record = record;
	return rc;
}

static int
pack_fact(const struct outbox_fact *fact, struct buf *out, struct err *err)
{
	pack_str(out, fact->request_id);
	pack_i64(out, fact->time_ns);
	pack_u32(out, (uint32_t)fact->status);
	pack_str(out, fact->operation);
	pack_str(out, fact->path);
	pack_str(out, fact->accessor);
	pack_str(out, fact->lease_id);
	return buf_check(out, err);
}

/* Not where there was no memory for its first one, or for its version. */
static bool
has_facts(const struct outbox_record *record)
{
	return record->bytes.len > 1;
}

int
outbox_put(struct store_tx *tx, const struct outbox_fact *fact,
	struct outbox_record **ret_record, struct err *err)
{
	struct outbox_record *record = NULL;
	struct buf bytes;
	int rc;

	buf_init(&bytes, FACT_SIZE_MAX);
	rc = pack_fact(fact, &bytes, err);
	if (rc == 0)
		rc = find_record(tx, fact->request_id, &record, err);
	if (rc == 0) {
		(void)buf_add_span(&record->bytes, buf_span(&bytes));
		rc = buf_check(&record->bytes, err);
	}
	buf_clear(&bytes);
	if (rc != 0)
		return rc;
	tx_touch(tx);
	if (ret_record != NULL) {
		atomic_fetch_add(&record->n_left, 1);
		*ret_record = record;
	}
	return 0;
}

int
outbox_flush(struct store_tx *tx, struct err *err)
{
	struct outbox_record *record = tx->records;
	char key[OUTBOX_KEY_MAX];
	int rc;

	if (record == NULL || record->written || !has_facts(record))
		return 0;
	rc = tx_put(
		tx, record_key(record->id, key), buf_span(&record->bytes), err);
	if (rc != 0)
		return rc;
	buf_clear(&record->bytes);
	record->written = true;
	return 0;
}

/* From now on a record is in the hands of those whose facts it has. */
void
outbox_committed(struct store_tx *tx)
{
	struct outbox_record *record = NULL, *next = NULL;

	for (record = tx->records; record != NULL; record = next) {
		next = record->next;
		if (atomic_load(&record->n_left) == 0)
			record_free(record);
	}
	tx->records = NULL;
}

void
outbox_undone(struct store_tx *tx, const struct outbox_record *until)
{
	struct outbox_record *record = NULL;

	while (tx->records != until) {
		record = tx->records;
		tx->records = record->next;
		record_free(record);
	}
}

/* ---- when lines are durable --------------------------------------------- */

static void
forget(struct store *store, const char *id)
{
	char key[OUTBOX_KEY_MAX];

	store_delete_later(store, record_key(id, key));
}

void
outbox_done(struct store *store, struct outbox_record **ref, bool durable)
{
	struct outbox_record *record = *ref;

	*ref = NULL;
	if (!durable)
		atomic_store(&record->lacks_line, true);
	if (atomic_fetch_sub(&record->n_left, 1) != 1)
		return;
	if (!atomic_load(&record->lacks_line))
		forget(store, record->id);
	record_free(record);
}

void
outbox_forget(struct store *store, const struct outbox_fact *facts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i == 0 ||
			strcmp(facts[i].record_id, facts[i - 1].record_id) != 0)
			forget(store, facts[i].record_id);
	}
}

/* ---- all of them, by pages ---------------------------------------------- */

struct page {
	struct arena *arena; /* of the facts and their texts */
	struct outbox_fact *facts;
	size_t n, cap, n_records;
	char last[OUTBOX_KEY_MAX]; /* key of the last record; "" at first */
};

static struct outbox_fact *
next_fact(struct page *page)
{
	size_t cap = page->cap == 0 ? 256 : page->cap * 2;
	struct outbox_fact *grown = NULL;

	if (page->n < page->cap)
		return &page->facts[page->n];
	grown = ARENA_ARRAY(page->arena, struct outbox_fact, cap);
	if (grown == NULL)
		return NULL;
	if (page->n > 0)
		memcpy(grown, page->facts, page->n * sizeof(*grown));
	page->facts = grown;
	page->cap = cap;
	return &page->facts[page->n];
}

static int
unpack_fact(struct unpack *in, struct page *page, const char *id,
	const char *record_id, struct err *err)
{
	struct outbox_fact *fact = next_fact(page);

	if (fact == NULL)
		return err_set_memory(err);
	(void)snprintf(fact->request_id, sizeof(fact->request_id), "%s",
		id != NULL ? id : unpack_str(in, page->arena));
	(void)snprintf(
		fact->record_id, sizeof(fact->record_id), "%s", record_id);
	fact->time_ns = unpack_i64(in);
	fact->status = (int)unpack_u32(in);
	fact->operation = unpack_str(in, page->arena);
	fact->path = unpack_str(in, page->arena);
	fact->accessor = unpack_str(in, page->arena);
	fact->lease_id = unpack_str(in, page->arena);
	page->n++;
	return 0;
}

static int
keep_record(void *ctx, struct span key, struct span value, struct err *err)
{
	struct page *page = ctx;
	struct unpack in = unpack_of(value);
	uint8_t version = unpack_u8(&in);
	const char *id = NULL;
	int rc = 0;

	if (key.len >= sizeof(page->last) || version == 0 ||
		version > OUTBOX_VERSION)
		in.bad = true;
	else
		memcpy(page->last, key.data, key.len);
	page->last[in.bad ? 0 : key.len] = '\0';
	id = page->last + sizeof(prefix) - 1;
	while (rc == 0 && !in.bad && in.rest.len > 0)
		rc = unpack_fact(&in, page, version == 1 ? id : NULL, id, err);
	page->n_records++;
	return rc != 0 ? rc : unpack_end(&in, "an outbox record", err);
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct page *page = ctx;
	char after[OUTBOX_KEY_MAX];

	memcpy(after, page->last, sizeof(after));
	page->n = 0;
	page->n_records = 0;
	return tx_scan(tx, span_str(prefix), span_str(after), OUTBOX_PAGE,
		false, keep_record, page, err);
}

/* One page in memory of its own; *ret_more: there may be another. */
static int
scan_page(struct store *store, char last[OUTBOX_KEY_MAX], outbox_fn *fn,
	void *ctx, bool *ret_more, struct err *err)
{
	struct page page = { .arena = arena_new(PAGE_MEMORY_MAX) };
	int rc;

	if (page.arena == NULL)
		return err_set_memory(err);
	memcpy(page.last, last, sizeof(page.last));
	rc = store_read(store, read_page, &page, err);
	/* Outside of the transaction: fn may wait for a disk. */
	if (rc == 0 && page.n > 0)
		rc = fn(ctx, page.facts, page.n, err);
	memcpy(last, page.last, sizeof(page.last));
	*ret_more = page.n_records == OUTBOX_PAGE;
	arena_free(&page.arena);
	return rc;
}

int
outbox_scan(struct store *store, outbox_fn *fn, void *ctx, struct err *err)
{
	char last[OUTBOX_KEY_MAX] = "";
	bool more = false;
	int rc;

	do {
		rc = scan_page(store, last, fn, ctx, &more, err);
	} while (rc == 0 && more);
	return rc;
}
