/*
 * One row at a time: put in, read, replaced, deleted, renewed. Its index
 * entries change with it here and nowhere else. Taking back what a token owns
 * stands in lease_revoke.c, path numbers and lease ids in lease_path.c.
 */
#include "storage/lease.h"

#include <string.h>

#include "storage/inside.h"
#include "storage/lease_row.h"

#define LEASE_SIZE_MAX 65536

/* Of a row that is there: why it cannot be taken back is written into it. */
#define LEASE_GROWN_MAX (LEASE_SIZE_MAX + LEASE_ERROR_MAX)

static int
put_row(struct store_tx *tx, const struct lease *lease, size_t size_max,
	struct err *err)
{
	struct row_key key = row_key(lease->ref);
	struct buf bytes;
	int rc;

	buf_init(&bytes, size_max);
	rc = lease_encode(lease, &bytes, err);
	if (rc == 0)
		rc = tx_put(tx, row_key_span(&key), buf_span(&bytes), err);
	buf_clear(&bytes);
	return rc;
}

static int
due_put(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = row_key(lease->ref);
	int64_t due_s = lease_due_s(lease);

	return due_s < 0 ? 0 : tx_due_put(tx, due_s, row_key_span(&key), err);
}

static int
due_delete(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = row_key(lease->ref);
	int64_t due_s = lease_due_s(lease);

	return due_s < 0 ? 0
			 : tx_due_delete(tx, due_s, row_key_span(&key), err);
}

static int
queue_put(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = queue_key(lease->takeback.next_try_s, lease->ref);

	return lease_is_queued(lease)
		? tx_put(tx, row_key_span(&key), span_str(""), err)
		: 0;
}

static int
queue_delete(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = queue_key(lease->takeback.next_try_s, lease->ref);

	return lease_is_queued(lease) ? tx_delete(tx, row_key_span(&key), err)
				      : 0;
}

static int
own_put(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = own_key(lease);

	if (lease->owner.row == 0)
		return 0;
	return tx_put(tx, row_key_span(&key), span_str(""), err);
}

static int
own_delete(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = own_key(lease);

	if (lease->owner.row == 0)
		return 0;
	return tx_delete(tx, row_key_span(&key), err);
}

/*
 * The token that is to own a row must be alive in this same transaction: what
 * a dying token still made would else outlive its revocation.
 */
static int
check_owner(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = row_key(lease->owner);
	struct arena *arena = NULL;
	struct lease owner;
	bool found = false;
	int rc;

	if (lease->owner.row == 0 || tx_is_owner_kept(tx, row_key_span(&key)))
		return 0;
	arena = arena_new(LEASE_SIZE_MAX * 2);
	if (arena == NULL)
		return err_set_memory(err);
	rc = lease_probe(tx, lease->owner, arena, &found, &owner, err);
	if (rc == 0 &&
		(!found || owner.kind != LEASE_TOKEN ||
			!lease_is_live(tx, &owner)))
		rc = err_set(err, ERR_DENIED, 403, "permission denied");
	if (rc == 0)
		tx_keep_owner(tx, row_key_span(&key));
	arena_free(&arena);
	return rc;
}

int
lease_insert(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = row_key(lease->ref);
	int rc;

	if (tx_exists(tx, row_key_span(&key)))
		return err_set(err, ERR_EXISTS, 500, "internal error");
	rc = check_owner(tx, lease, err);
	if (rc == 0)
		rc = put_row(tx, lease, LEASE_SIZE_MAX, err);
	if (rc == 0)
		rc = own_put(tx, lease, err);
	if (rc == 0)
		rc = due_put(tx, lease, err);
	return rc != 0 ? rc : queue_put(tx, lease, err);
}

int
lease_get(struct store_tx *tx, struct rowref ref, struct arena *arena,
	struct lease *ret_lease, struct err *err)
{
	struct row_key key = row_key(ref);
	struct span bytes;
	int rc = tx_get(tx, row_key_span(&key), arena, &bytes, err);

	return rc != 0 ? rc : lease_decode(ref, bytes, ret_lease, err);
}

int
lease_probe(struct store_tx *tx, struct rowref ref, struct arena *arena,
	bool *ret_found, struct lease *ret_lease, struct err *err)
{
	struct err failure = { 0 };
	int rc = lease_get(tx, ref, arena, ret_lease, &failure);

	if (rc != 0 && rc != ERR_ABSENT) {
		if (err != NULL)
			*err = failure;
		return rc;
	}
	*ret_found = rc == 0;
	return 0;
}

bool
lease_is_unreadable(int rc)
{
	return rc == ERR_CRYPTO || rc == ERR_INTERNAL;
}

int
lease_probe_readable(struct store_tx *tx, struct rowref ref,
	struct arena *arena, bool *ret_found, struct lease *ret_lease,
	struct err *err)
{
	struct err failure = { 0 };
	int rc = lease_probe(tx, ref, arena, ret_found, ret_lease, &failure);

	if (rc != 0 && !lease_is_unreadable(rc) && err != NULL)
		*err = failure;
	return rc;
}

static bool
is_queued_elsewhere(const struct lease *old, const struct lease *lease)
{
	return lease_is_queued(old) != lease_is_queued(lease) ||
		old->takeback.next_try_s != lease->takeback.next_try_s;
}

int
lease_update(struct store_tx *tx, const struct lease *old,
	const struct lease *lease, struct err *err)
{
	int rc = put_row(tx, lease, LEASE_GROWN_MAX, err);

	if (rc == 0 && lease_due_s(old) != lease_due_s(lease)) {
		rc = due_delete(tx, old, err);
		if (rc == 0)
			rc = due_put(tx, lease, err);
	}
	if (rc == 0 && is_queued_elsewhere(old, lease)) {
		rc = queue_delete(tx, old, err);
		if (rc == 0)
			rc = queue_put(tx, lease, err);
	}
	if (rc == 0 && old->owner.row != lease->owner.row) {
		rc = own_delete(tx, old, err);
		if (rc == 0)
			rc = own_put(tx, lease, err);
	}
	return rc;
}

int
lease_delete(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key key = row_key(lease->ref);
	struct row_key alias = alias_key(lease->mac);
	int rc = tx_delete(tx, row_key_span(&key), err);

	if (rc == 0)
		rc = due_delete(tx, lease, err);
	if (rc == 0)
		rc = queue_delete(tx, lease, err);
	if (rc == 0)
		rc = own_delete(tx, lease, err);
	if (rc == 0 && lease->chosen)
		rc = tx_delete(tx, row_key_span(&alias), err);
	return rc;
}

/*
 * Nobody's any more, so that no walk meets it again. What is being installed,
 * or renewed, is not there to be removed before that is over.
 */
static int
queue_row(struct store_tx *tx, struct lease *lease, struct err *err)
{
	const struct lease old = *lease;
	int64_t now_s = tx_now_s(tx);

	lease->takeback.is_installing = old.takeback.next_try_s > now_s;
	if (!lease->takeback.is_installing)
		lease->takeback.next_try_s = now_s;
	lease->state = LEASE_REVOKING;
	lease->owner = (struct rowref){ 0 };
	return lease_update(tx, &old, lease, err);
}

int
lease_mark_revoking(struct store_tx *tx, struct lease *lease, struct err *err)
{
	const struct lease old = *lease;

	if (lease->state == LEASE_REVOKING)
		return 0;
	if (lease->kind == LEASE_DYNAMIC)
		return queue_row(tx, lease, err);
	lease->state = LEASE_REVOKING;
	return lease_update(tx, &old, lease, err);
}

int
lease_end(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct lease last = *lease;

	return lease->kind == LEASE_DYNAMIC
		? lease_mark_revoking(tx, &last, err)
		: lease_delete(tx, lease, err);
}

int
lease_alias_put(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	struct row_key alias = alias_key(lease->mac);
	struct row_key key = row_key(lease->ref);

	if (tx_exists(tx, row_key_span(&alias)))
		return err_set(err, ERR_EXISTS, 400, "%s", "");
	return tx_put(tx, row_key_span(&alias), row_key_span(&key), err);
}

int
lease_alias_get(struct store_tx *tx, const uint8_t mac[ROWID_MAC],
	struct arena *arena, struct rowref *ret_ref, struct err *err)
{
	struct row_key alias = alias_key(mac);
	struct span key;
	int rc = tx_get(tx, row_key_span(&alias), arena, &key, err);

	if (rc == 0 && !row_key_parse(key, ret_ref))
		rc = err_set(err, ERR_INTERNAL, 500, "internal error");
	return rc;
}

bool
lease_is_live(const struct store_tx *tx, const struct lease *lease)
{
	return lease_is_live_at(lease, tx_now_s(tx));
}

/* ---- renewal ------------------------------------------------------------ */

/* The ttl that a renewal asks for: spec/core-api.md 5.3. */
static int64_t
wanted_ttl(const struct lease *lease, const struct lease_renewal *renewal)
{
	const int64_t by_rank[] = { renewal->period_s, renewal->increment_s,
		renewal->default_s, lease->ttl_s };

	for (size_t i = 0; i < ARRAY_LEN(by_rank); i++) {
		if (by_rank[i] > 0)
			return by_rank[i];
	}
	return 1;
}

static int
check_renewable(
	const struct store_tx *tx, const struct lease *lease, struct err *err)
{
	if (!lease->renewable || lease->expire_s == 0)
		return err_set(err, ERR_INPUT, 400, "lease is not renewable");
	/* Less than a whole second left counts as gone. */
	if (lease->state != LEASE_LIVE ||
		lease->expire_s - 1 <
			(tx_now_ns(tx) + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S)
		return err_set(err, ERR_INPUT, 400, "lease expired");
	return 0;
}

int
lease_renew(const struct store_tx *tx, struct lease *lease,
	struct lease_renewal *renewal, struct err *err)
{
	int64_t now_s = tx_now_s(tx), end_s;
	bool capped;
	int rc = check_renewable(tx, lease, err);

	if (rc != 0)
		return rc;
	if (lease->max_s != 0 && lease->max_s <= now_s)
		return err_set(
			err, ERR_INPUT, 400, "past the max TTL, cannot renew");
	if (__builtin_add_overflow(now_s, wanted_ttl(lease, renewal), &end_s))
		return err_set(err, ERR_INPUT, 400, "ttl is too large");
	capped = lease->max_s != 0 && end_s > lease->max_s;
	if (capped)
		end_s = lease->max_s;
	lease->expire_s = end_s;
	lease->ttl_s = end_s - now_s;
	lease->last_renewal_ns = tx_now_ns(tx);
	renewal->ret_capped = capped;
	return 0;
}
