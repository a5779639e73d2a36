/*
 * Rows whose time has come are taken back, earliest first, in transactions of
 * bounded size. What a crash left half revoked is due as well.
 */
#include <assert.h>

#include "lib/log.h"
#include "storage/lease_row.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define RETRY_S 3600 /* when a row that cannot be opened is looked at again */

struct due_entry {
	int64_t due_s;
	struct rowref ref;
};

struct expiry {
	size_t limit;
	struct arena *arena;
	struct due_entry *entries;
	size_t n;
	size_t budget;
	size_t n_put_off; /* rows that could not be opened */
	bool more;
	int64_t next_s;
};

static int
keep_due(void *ctx, int64_t due_s, struct span key, UNUSED struct err *err)
{
	struct expiry *expiry = ctx;
	struct due_entry *entry = &expiry->entries[expiry->n];

	if (expiry->n < expiry->limit && row_key_parse(key, &entry->ref)) {
		entry->due_s = due_s;
		expiry->n++;
	}
	return 0;
}

static int
move_due(struct store_tx *tx, const struct due_entry *entry, int64_t to_s,
	struct err *err)
{
	struct row_key key = row_key(entry->ref);
	int rc = tx_due_delete(tx, entry->due_s, row_key_span(&key), err);

	if (rc == 0 && to_s >= 0)
		rc = tx_due_put(tx, to_s, row_key_span(&key), err);
	return rc;
}

/*
 * A row that cannot be read is dead for every use. It stays, since it may be
 * mended from a backup, but is put off, not to stop those behind it.
 */
static int
put_off(struct store_tx *tx, struct expiry *expiry,
	const struct due_entry *entry, struct err *err)
{
	expiry->n_put_off++;
	return move_due(tx, entry, tx_now_s(tx) + RETRY_S, err);
}

/*
 * Take a due row back, with a part of the budget, so that a large tree starves
 * nobody. Where the index does not say what the row says, the index is mended.
 */
static int
expire_row(struct store_tx *tx, struct expiry *expiry,
	const struct due_entry *entry, struct err *err)
{
	size_t share = (expiry->budget + 1) / 2, left = share;
	bool found, done = true;
	int64_t due_s = -1;
	struct lease lease;
	int rc = lease_probe_readable(
		tx, entry->ref, expiry->arena, &found, &lease, err);

	if (lease_is_unreadable(rc))
		return put_off(tx, expiry, entry, err);
	if (rc == 0 && found)
		due_s = lease_due_s(&lease);
	if (rc == 0 && due_s != entry->due_s)
		rc = move_due(tx, entry, due_s, err);
	if (rc != 0 || due_s < 0 || due_s > tx_now_s(tx))
		return rc;
	rc = lease_revoke_some(
		tx, entry->ref, &left, expiry->arena, &done, err);
	expiry->budget -= share - left;
	if (!done)
		expiry->more = true;
	return rc;
}

static int
find_next(struct store_tx *tx, int64_t *ret_next_s, struct err *err)
{
	struct err failure = { 0 };
	int rc = tx_due_first(tx, ret_next_s, &failure);

	if (rc == ERR_ABSENT) {
		*ret_next_s = 0;
		return 0;
	}
	if (rc != 0 && err != NULL)
		*err = failure;
	return rc;
}

static int
expire_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct expiry *expiry = ctx;
	size_t i = 0;
	int rc;

	expiry->n = 0;
	expiry->n_put_off = 0;
	expiry->more = false;
	expiry->budget = expiry->limit;
	expiry->entries =
		ARENA_ARRAY(expiry->arena, struct due_entry, expiry->limit);
	if (expiry->entries == NULL)
		return err_set_memory(err);
	rc = tx_due_scan(
		tx, tx_now_s(tx), expiry->limit, keep_due, expiry, err);
	for (; rc == 0 && expiry->budget > 0 && i < expiry->n; i++)
		rc = expire_row(tx, expiry, &expiry->entries[i], err);
	if (i < expiry->n || expiry->n == expiry->limit)
		expiry->more = true;
	return rc != 0 ? rc : find_next(tx, &expiry->next_s, err);
}

int
lease_expire_due(struct store *store, size_t limit, bool *ret_more,
	int64_t *ret_next_s, struct err *err)
{
	struct expiry expiry = { .limit = limit };
	int rc;

	assert(limit > 0);
	expiry.arena = arena_new(ARENA_MAX);
	if (expiry.arena == NULL)
		return err_set_memory(err);
	rc = store_write(store, expire_page, &expiry, err);
	arena_free(&expiry.arena);
	if (rc != 0)
		return rc;
	if (expiry.n_put_off > 0)
		log_error("due rows cannot be opened; next try in an hour",
			LOG_INT("rows", (int64_t)expiry.n_put_off));
	*ret_more = expiry.more;
	*ret_next_s = expiry.next_s;
	return 0;
}
