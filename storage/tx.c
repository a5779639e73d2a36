/*
 * What a transaction function may call: records through the barrier, the due
 * index, the batch's clock. A failure of the backend is kept in the
 * transaction, so that a function which overlooks it cannot commit past it.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "storage/inside.h"

#define CLEAR_PREFIX "core/"

/* Room for a sealed value: format, term, nonce, tag. */
#define SEALED_MAX (STORE_VALUE_MAX + 64)

/* Opened values of a scan share arenas of about this size. */
#define SCAN_ARENA_TURN (4 * ARENA_CHUNK)

void
tx_init(struct store_tx *tx, struct store *store, struct backend_reader *reader,
	struct changes *changes)
{
	*tx = (struct store_tx){
		.store = store,
		.reader = reader,
		.changes = changes,
		.barrier = store->barrier,
		.now_ns = store_now_ns(store),
		.batch = atomic_load(&store->batch) + (changes != NULL),
	};
	buf_init(&tx->sealed, SEALED_MAX);
}

void
tx_clear(struct store_tx *tx)
{
	buf_clear(&tx->sealed);
}

int64_t
tx_now_ns(const struct store_tx *tx)
{
	return tx->now_ns;
}

int64_t
tx_now_s(const struct store_tx *tx)
{
	return tx->now_ns / CLOCK_NS_PER_S;
}

uint64_t
tx_batch(const struct store_tx *tx)
{
	return tx->batch;
}

const struct barrier *
tx_barrier(const struct store_tx *tx)
{
	return tx->barrier;
}

void
tx_touch(struct store_tx *tx)
{
	tx->dirty = true;
}

void
tx_keep_owner(struct store_tx *tx, struct span key)
{
	if (key.len > sizeof(tx->owner))
		return;
	memcpy(tx->owner, key.data, key.len);
	tx->owner_len = key.len;
}

bool
tx_is_owner_kept(const struct store_tx *tx, struct span key)
{
	return tx->owner_len > 0 &&
		span_equal(span_of(tx->owner, tx->owner_len), key);
}

void
tx_drop_owner(struct store_tx *tx)
{
	tx->owner_len = 0;
}

/* Note that the backend failed: nothing of this batch may be committed. */
static int
tx_break(struct store_tx *tx, int rc, const struct err *err)
{
	if (tx->broken != 0)
		return rc;
	tx->broken = rc;
	if (err != NULL && err->code == rc)
		tx->failure = *err;
	return rc;
}

/* A failed read ends the batch only where the whole store is at fault. */
static int
read_failed(struct store_tx *tx, int rc, const struct err *err)
{
	return rc == ERR_STORAGE || rc == ERR_FULL ? tx_break(tx, rc, err) : rc;
}

static int
check_key(struct span key, struct err *err)
{
	if (key.len > 0 && key.len <= STORE_KEY_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, 500, "internal error");
}

static int
check_sealed_key(const struct store_tx *tx, struct span key, struct err *err)
{
	if (tx->barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	return check_key(key, err);
}

static int
check_clear_key(struct span key, struct err *err)
{
	if (!span_has_prefix(key, span_str(CLEAR_PREFIX)))
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	return check_key(key, err);
}

static int
note_change(struct store_tx *tx, struct span key, struct err *err)
{
	struct changes *changes = tx->changes;
	size_t cap = 0;
	uint64_t *grown = NULL;

	if (changes == NULL)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	if (changes->n == changes->cap) {
		cap = changes->cap == 0 ? 256 : changes->cap * 2;
		grown = reallocarray(changes->hashes, cap, sizeof(*grown));
		if (grown == NULL)
			return tx_break(tx, err_set_memory(err), err);
		changes->hashes = grown;
		changes->cap = cap;
	}
	changes->hashes[changes->n++] = cache_hash(tx->store->cache, key);
	if (tx_is_owner_kept(tx, key))
		tx_drop_owner(tx);
	tx->dirty = true;
	return 0;
}

/* The stored bytes of a record into tx->sealed. */
static int
get_raw(struct store_tx *tx, struct span key, struct err *err)
{
	struct backend *backend = tx->store->backend;

	buf_reset(&tx->sealed);
	return read_failed(tx,
		backend->ops->get(backend, tx->reader, key, &tx->sealed, err),
		err);
}

static int
put_raw(struct store_tx *tx, struct span key, struct span value,
	struct err *err)
{
	struct backend *backend = tx->store->backend;
	int rc = note_change(tx, key, err);

	if (rc != 0)
		return rc;
	rc = backend->ops->put(backend, key, value, err);
	return rc != 0 ? tx_break(tx, rc, err) : 0;
}

int
tx_get(struct store_tx *tx, struct span key, struct arena *arena,
	struct span *ret_value, struct err *err)
{
	int rc = check_sealed_key(tx, key, err);

	if (rc == 0)
		rc = get_raw(tx, key, err);
	if (rc == 0)
		rc = barrier_open(tx->barrier, key, buf_span(&tx->sealed),
			arena, ret_value, err);
	return rc;
}

int
tx_put(struct store_tx *tx, struct span key, struct span value, struct err *err)
{
	int rc = check_sealed_key(tx, key, err);

	if (rc == 0 && value.len > STORE_VALUE_MAX)
		rc = err_set(err, ERR_LIMIT, 413, "record too large");
	if (rc != 0)
		return rc;
	buf_reset(&tx->sealed);
	rc = barrier_seal(tx->barrier, key, value, &tx->sealed, err);
	return rc != 0 ? rc : put_raw(tx, key, buf_span(&tx->sealed), err);
}

int
tx_delete_raw(struct store_tx *tx, struct span key, struct err *err)
{
	struct backend *backend = tx->store->backend;
	int rc = check_key(key, err);

	if (rc == 0)
		rc = note_change(tx, key, err);
	if (rc != 0)
		return rc;
	rc = backend->ops->del(backend, key, err);
	return rc != 0 ? tx_break(tx, rc, err) : 0;
}

int
tx_delete(struct store_tx *tx, struct span key, struct err *err)
{
	int rc = check_sealed_key(tx, key, err);

	return rc != 0 ? rc : tx_delete_raw(tx, key, err);
}

bool
tx_exists(struct store_tx *tx, struct span key)
{
	struct err err = { 0 };
	int rc = check_key(key, &err);

	if (rc == 0)
		rc = get_raw(tx, key, &err);
	/* "No" must not be said for a record that could not be read. */
	if (rc != 0 && rc != ERR_ABSENT)
		(void)tx_break(tx, rc, &err);
	return rc == 0;
}

int
tx_get_clear(struct store_tx *tx, struct span key, struct arena *arena,
	struct span *ret_value, struct err *err)
{
	struct span value;
	int rc = check_clear_key(key, err);

	if (rc == 0)
		rc = get_raw(tx, key, err);
	if (rc != 0)
		return rc;
	value = buf_span(&tx->sealed);
	if (value.len < 1 || value.data[0] != FORMAT_CLEAR)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	value = arena_dup(arena, span_skip(value, 1));
	if (value.data == NULL)
		return err_set_memory(err);
	*ret_value = value;
	return 0;
}

int
tx_put_clear(struct store_tx *tx, struct span key, struct span value,
	struct err *err)
{
	int rc = check_clear_key(key, err);

	if (rc != 0)
		return rc;
	buf_reset(&tx->sealed);
	(void)buf_add_char(&tx->sealed, FORMAT_CLEAR);
	(void)buf_add_span(&tx->sealed, value);
	rc = buf_check(&tx->sealed, err);
	return rc != 0 ? rc : put_raw(tx, key, buf_span(&tx->sealed), err);
}

int
tx_put_state(struct store_tx *tx, struct err *err)
{
	struct key_use *use = &tx->store->key_use;
	uint64_t numbers[STATE_NUMBERS];
	int64_t installed_s;

	if (tx->barrier != NULL)
		barrier_status(tx->barrier, &use->term, &installed_s, &use->n);
	numbers[0] = htobe64(tx->batch);
	numbers[1] = htobe64((uint64_t)tx->now_ns);
	numbers[2] = htobe64(use->term);
	numbers[3] = htobe64(use->n);
	return tx_put_clear(tx, span_str(STATE_KEY),
		span_of(numbers, sizeof(numbers)), err);
}

/* ---- scans ----------------------------------------------------------- */

struct scan {
	struct store_tx *tx;
	tx_scan_fn *fn;
	void *ctx;
	bool keys_only;
	struct arena *arena; /* opened values; wiped and renewed on the way */
	int rc;              /* of fn: the backend knows no other */
};

static int
scan_open(struct scan *scan, struct span key, struct span sealed,
	struct span *ret_value, struct err *err)
{
	if (scan->keys_only) {
		*ret_value = SPAN_NONE;
		return 0;
	}
	if (scan->arena != NULL && arena_used(scan->arena) > SCAN_ARENA_TURN)
		arena_free(&scan->arena);
	if (scan->arena == NULL)
		scan->arena = arena_new(SCAN_ARENA_TURN + 2 * STORE_VALUE_MAX);
	if (scan->arena == NULL)
		return err_set_memory(err);
	return barrier_open(
		scan->tx->barrier, key, sealed, scan->arena, ret_value, err);
}

static int
scan_row(void *ctx, struct span key, struct span sealed, struct err *err)
{
	struct scan *scan = ctx;
	struct span value;

	scan->rc = scan_open(scan, key, sealed, &value, err);
	if (scan->rc == 0)
		scan->rc = scan->fn(scan->ctx, key, value, err);
	return scan->rc;
}

int
tx_scan(struct store_tx *tx, struct span prefix, struct span after,
	size_t limit, bool keys_only, tx_scan_fn *fn, void *ctx,
	struct err *err)
{
	struct backend *backend = tx->store->backend;
	struct scan scan = {
		.tx = tx,
		.fn = fn,
		.ctx = ctx,
		.keys_only = keys_only,
	};
	int rc;

	if (!keys_only && tx->barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = backend->ops->scan(backend, tx->reader, prefix, after, limit,
		keys_only, scan_row, &scan, err);
	arena_free(&scan.arena);
	return scan.rc == 0 ? read_failed(tx, rc, err) : rc;
}

/* ---- due times ------------------------------------------------------- */

typedef int due_change_fn(struct backend *backend, int64_t due_s,
	struct span key, struct err *err);

static int
due_change(struct store_tx *tx, due_change_fn *change, int64_t due_s,
	struct span key, struct err *err)
{
	int rc = check_key(key, err);

	if (rc == 0 && tx->changes == NULL)
		rc = err_set(err, ERR_INTERNAL, 500, "internal error");
	if (rc != 0)
		return rc;
	tx->dirty = true;
	rc = change(tx->store->backend, due_s, key, err);
	return rc != 0 ? tx_break(tx, rc, err) : 0;
}

int
tx_due_put(struct store_tx *tx, int64_t due_s, struct span key, struct err *err)
{
	return due_change(
		tx, tx->store->backend->ops->due_put, due_s, key, err);
}

int
tx_due_delete(
	struct store_tx *tx, int64_t due_s, struct span key, struct err *err)
{
	return due_change(
		tx, tx->store->backend->ops->due_del, due_s, key, err);
}

int
tx_due_scan(struct store_tx *tx, int64_t until_s, size_t limit, tx_due_fn *fn,
	void *ctx, struct err *err)
{
	struct backend *backend = tx->store->backend;

	return read_failed(tx,
		backend->ops->due_scan(
			backend, tx->reader, until_s, limit, fn, ctx, err),
		err);
}

struct first_due {
	bool found;
	int64_t due_s;
};

static int
take_first(void *ctx, int64_t due_s, struct span key, struct err *err)
{
	struct first_due *first = ctx;

	(void)key;
	(void)err;
	first->found = true;
	first->due_s = due_s;
	return 1;
}

int
tx_due_first(struct store_tx *tx, int64_t *ret_due_s, struct err *err)
{
	struct first_due first = { 0 };
	int rc = tx_due_scan(tx, INT64_MAX, 1, take_first, &first, err);

	if (rc != 0)
		return rc;
	if (!first.found)
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	*ret_due_s = first.due_s;
	return 0;
}
