/*
 * What a backup may not bring back: a password or a counted secret id that was
 * spent after it was made would be live in it again, and so would a dynamic
 * lease that was revoked, be its key still on its machine or not: all are taken
 * back.
 */
#include "storage/restore.h"

#include "storage/cubbyhole.h"
#include "storage/inside.h"
#include "storage/lease_row.h"
#include "storage/schema.h"

#define PAGE 500
#define PAGE_MEMORY ((size_t)1024 * 1024)
#define ROW_MEMORY ((size_t)256 * 1024) /* a row is smaller than 64 KiB */

struct dropping {
	struct arena *arena; /* of the list */
	struct rowref last;  /* the page begins behind it */
	struct row_list list;
	uint64_t n_dropped, n_queued;
};

static int
end_if_spendable(struct store_tx *tx, struct dropping *dropping,
	struct rowref ref, struct arena *arena, struct err *err)
{
	struct lease lease;
	bool found, more;
	int rc = lease_probe_readable(tx, ref, arena, &found, &lease, err);

	if (lease_is_unreadable(rc))
		return 0;
	if (rc == 0 && found && lease.kind == LEASE_DYNAMIC) {
		dropping->n_queued += !lease_is_queued(&lease);
		return lease_mark_revoking(tx, &lease, err);
	}
	if (rc != 0 || !found || (lease.kind != LEASE_OTP && !lease.counted))
		return rc;
	dropping->n_dropped++;
	/* A wrapping token has its one answer beside it. */
	if (lease.kind == LEASE_TOKEN)
		rc = cubbyhole_drop_some(tx, ref, 1, &more, err);
	return rc != 0 ? rc : lease_delete(tx, &lease, err);
}

static int
drop_row(struct store_tx *tx, struct dropping *dropping, struct rowref ref,
	struct err *err)
{
	struct arena *arena = arena_new(ROW_MEMORY);
	int rc = arena == NULL
		? err_set_memory(err)
		: end_if_spendable(tx, dropping, ref, arena, err);

	arena_free(&arena);
	return rc;
}

static int
drop_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct dropping *dropping = ctx;
	struct row_key after = row_key(dropping->last);
	int rc;

	dropping->n_dropped = 0;
	dropping->n_queued = 0;
	rc = row_list_fill(&dropping->list, tx, span_str("row/"),
		row_key_span(&after), err);
	for (size_t i = 0; rc == 0 && i < dropping->list.n; i++)
		rc = drop_row(tx, dropping, dropping->list.refs[i], err);
	return rc;
}

/* One page in one transaction; *last moves to its end. */
static int
drop_next(struct store *store, struct rowref *last, struct restored *restored,
	bool *ret_more, struct err *err)
{
	struct dropping dropping = { .last = *last };
	int rc;

	dropping.arena = arena_new(PAGE_MEMORY);
	if (dropping.arena == NULL)
		return err_set_memory(err);
	rc = row_list_init(&dropping.list, dropping.arena, PAGE, err);
	if (rc == 0)
		rc = store_write(store, drop_page, &dropping, err);
	if (rc == 0) {
		restored->n_otps += dropping.n_dropped;
		restored->n_dynamic += dropping.n_queued;
		*ret_more = dropping.list.n > 0;
		if (*ret_more)
			*last = dropping.list.refs[dropping.list.n - 1];
	}
	arena_free(&dropping.arena);
	return rc;
}

static int
look_for_mark(struct store_tx *tx, void *ctx, struct err *err)
{
	bool *found = ctx;

	(void)err;
	*found = tx_exists(tx, span_str(RESTORED_KEY));
	return 0;
}

static int
set_mark(struct store_tx *tx, void *ctx, struct err *err)
{
	(void)ctx;
	return tx_put_clear(tx, span_str(RESTORED_KEY), SPAN_NONE, err);
}

int
restore_is_due(struct store *store, bool *ret_due, struct err *err)
{
	return store_read(store, look_for_mark, ret_due, err);
}

int
restore_demand(struct store *store, struct err *err)
{
	return store_write(store, set_mark, NULL, err);
}

struct finishing {
	uint64_t past_epoch;
	struct restored restored;
};

/* The mark goes with the commit that counts the epoch up, not before. */
static int
take_mark_away(struct store_tx *tx, void *ctx, struct err *err)
{
	struct finishing *finishing = ctx;
	int rc = schema_raise_epoch(
		tx, finishing->past_epoch, &finishing->restored.epoch, err);

	return rc != 0 ? rc : tx_delete_raw(tx, span_str(RESTORED_KEY), err);
}

int
restore_finish(struct store *store, uint64_t past_epoch,
	struct restored *ret_restored, struct err *err)
{
	struct finishing finishing = { .past_epoch = past_epoch };
	struct restored *restored = &finishing.restored;
	struct rowref last = { 0 };
	bool more = true;
	int rc = restore_is_due(store, &restored->found, err);

	while (rc == 0 && restored->found && more)
		rc = drop_next(store, &last, restored, &more, err);
	if (rc == 0 && restored->found)
		rc = store_write(store, take_mark_away, &finishing, err);
	if (rc == 0)
		*ret_restored = *restored;
	return rc;
}
