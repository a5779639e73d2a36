/*
 * The store as its users see it: opening and closing, reading on snapshots,
 * the barrier in use, row numbers and time. What changes it is in writer.c,
 * what a transaction function may call in tx.c.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fsutil.h"
#include "storage/inside.h"

struct guard store_barrier_guard, store_rows_guard;

#define ROWS_KEY "core/rows"
#define ROW_LIMIT (UINT64_C(1) << 48)
#define SKEW_MIN_S 60 /* smaller ones are drift */
#define CACHE_DEFAULT ((size_t)32 * 1024 * 1024)

/* ---- life ------------------------------------------------------------ */

/* What the last commit wrote of itself; zeros in a new store. */
static int
read_state(struct backend *backend, uint64_t ret_numbers[STATE_NUMBERS],
	struct err *err)
{
	uint64_t numbers[STATE_NUMBERS] = { 0 };
	struct backend_reader *reader = NULL;
	struct buf state;
	int rc = backend->ops->reader_get(backend, &reader, err);

	if (rc != 0)
		return rc;
	buf_init(&state, STORE_VALUE_MAX);
	rc = backend->ops->get(
		backend, reader, span_str(STATE_KEY), &state, err);
	backend->ops->reader_put(backend, reader);
	if (rc == 0 && state.len == 1 + sizeof(numbers))
		memcpy(numbers, state.data + 1, sizeof(numbers));
	else if (rc == 0)
		rc = err_set(err, ERR_CRYPTO, 500,
			"the store's state record is damaged");
	buf_clear(&state);
	if (rc == ERR_ABSENT && err != NULL)
		err_clear(err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	for (size_t i = 0; i < STATE_NUMBERS; i++)
		ret_numbers[i] = be64toh(numbers[i]);
	return 0;
}

/* Close what is open; the writer goes first, for it uses the rest. */
static void
store_free(struct store *store)
{
	writer_stop(&store->writer);
	cache_free(&store->cache);
	storeclock_free(&store->clock);
	store->backend->ops->close(store->backend);
	pthread_rwlock_destroy(&store->barrier_lock);
	pthread_mutex_destroy(&store->row_lock);
	free(store);
}

static void
init_locks(struct store *store)
{
	pthread_rwlockattr_t attr;

	/* Sealing must not wait for a gap between readers. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&store->barrier_lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&store->row_lock, NULL);
}

static int
store_start(struct store *store, const struct store_settings *settings,
	struct err *err)
{
	uint64_t state[STATE_NUMBERS] = { 0 };
	int rc = read_state(store->backend, state, err);

	if (rc != 0)
		return rc;
	atomic_store(&store->batch, state[0]);
	store->key_use = (struct key_use){ (uint32_t)state[2], state[3] };
	store->clock = storeclock_new(
		settings->clock != NULL ? settings->clock : clock_system(),
		(int64_t)state[1]);
	store->cache =
		cache_new(settings->cache_bytes != 0 ? settings->cache_bytes
						     : CACHE_DEFAULT);
	if (store->clock == NULL || store->cache == NULL)
		return err_set_memory(err);
	return writer_start(store, settings->batch_max, &store->writer, err);
}

int
store_open_backend(struct backend *backend,
	const struct store_settings *settings, struct store **ret_store,
	struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));
	int rc;

	if (store == NULL) {
		backend->ops->close(backend);
		return err_set_memory(err);
	}
	store->backend = backend;
	init_locks(store);
	rc = store_start(store, settings, err);
	if (rc != 0) {
		store_free(store);
		return rc;
	}
	*ret_store = store;
	return 0;
}

void
store_close(struct store **store)
{
	if (*store == NULL)
		return;
	store_free(*store);
	*store = NULL;
}

const char *
store_kind(const struct store *store)
{
	return store->backend->ops->kind;
}

const char *
store_describe(const struct store *store)
{
	return store->backend->ops->describe(store->backend);
}

/* ---- reading and writing --------------------------------------------- */

static int
read_on(struct store *store, struct backend_reader *reader, store_fn *fn,
	void *ctx, struct err *err) REQUIRES_SHARED(store_barrier_guard)
{
	struct store_tx tx;
	int rc;

	tx_init(&tx, store, reader, NULL);
	rc = fn(&tx, ctx, err);
	if (rc >= 0 && tx.broken != 0)
		rc = err_set(err, tx.broken, 500, "internal error");
	tx_clear(&tx);
	return rc < 0 ? rc : 0;
}

int
store_read(struct store *store, store_fn *fn, void *ctx, struct err *err)
{
	struct backend *backend = store->backend;
	struct backend_reader *reader = NULL;
	int rc;

	if (store_failed(store))
		return err_set(err, ERR_STORAGE, 503, "storage unavailable");
	lock_read(&store->barrier_lock, &store_barrier_guard);
	rc = backend->ops->reader_get(backend, &reader, err);
	if (rc == 0) {
		rc = read_on(store, reader, fn, ctx, err);
		backend->ops->reader_put(backend, reader);
	}
	lock_end_read(&store->barrier_lock, &store_barrier_guard);
	return rc;
}

int
store_write(struct store *store, store_fn *fn, void *ctx, struct err *err)
{
	return writer_run(store->writer, fn, ctx, err);
}

void
store_write_begin(struct store *store, struct store_job *job)
{
	writer_begin(store->writer, job);
}

void
store_delete_later(struct store *store, struct span key)
{
	if (key.len > 0 && key.len <= STORE_KEY_MAX)
		writer_delete_later(store->writer, key);
}

bool
store_failed(const struct store *store)
{
	return atomic_load(&store->failed);
}

void
store_on_failure(struct store *store, void (*fn)(void *ctx), void *ctx)
{
	store->on_failure_ctx = ctx;
	store->on_failure = fn;
}

void
store_set_barrier(struct store *store, struct barrier *barrier)
{
	lock_write(&store->barrier_lock, &store_barrier_guard);
	store->barrier = barrier;
	if (barrier != NULL)
		barrier_count_from(
			barrier, store->key_use.term, store->key_use.n);
	cache_wipe(store->cache);
	lock_end_write(&store->barrier_lock, &store_barrier_guard);
}

/* ---- row numbers ----------------------------------------------------- */

int
store_rows_end(struct store_tx *tx, uint64_t *ret_end, struct err *err)
{
	uint64_t stored = 0;
	struct arena *arena = arena_new(ARENA_CHUNK);
	struct span value;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = tx_get_clear(tx, span_str(ROWS_KEY), arena, &value, NULL);
	if (rc == 0 && value.len != sizeof(stored))
		rc = err_set(err, ERR_CRYPTO, 500, "internal error");
	else if (rc == 0)
		memcpy(&stored, value.data, sizeof(stored));
	arena_free(&arena);
	if (rc != 0 && rc != ERR_ABSENT)
		return err_set(err, rc, 500, "internal error");
	*ret_end = rc == ERR_ABSENT ? 1 : be64toh(stored);
	return 0;
}

/* Move the durable end of the reserved numbers by one block. */
static int
reserve_rows(struct store_tx *tx, void *ctx, struct err *err)
{
	uint64_t *first = ctx, stored;
	int rc = store_rows_end(tx, first, err);

	if (rc != 0)
		return rc;
	if (*first > ROW_LIMIT - ROW_BLOCK)
		return err_set(err, ERR_LIMIT, 500, "no row numbers are left");
	stored = htobe64(*first + ROW_BLOCK);
	return tx_put_clear(
		tx, span_str(ROWS_KEY), span_of(&stored, sizeof(stored)), err);
}

int
store_row_number(struct store *store, uint64_t *ret_row, struct err *err)
{
	uint64_t first;
	int rc = 0;

	lock_take(&store->row_lock, &store_rows_guard);
	if (store->row_next == store->row_end) {
		rc = store_write(store, reserve_rows, &first, err);
		if (rc == 0) {
			store->row_next = first;
			store->row_end = first + ROW_BLOCK;
		}
	}
	if (rc == 0)
		*ret_row = store->row_next++;
	lock_give(&store->row_lock, &store_rows_guard);
	return rc;
}

/* ---- between batches ------------------------------------------------- */

struct copying {
	const char *path;
	bool begin, more;
};

static int
call_backup(struct store *store, void *ctx, struct err *err)
{
	struct copying *copying = ctx;

	return store->backend->ops->backup(store->backend, copying->path,
		copying->begin, &copying->more, err);
}

static int
sync_copy(const char *path, struct err *err)
{
	int rc = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(err, path);
	if (fsync(fd) != 0)
		rc = err_set_errno(err, path);
	close(fd);
	return rc != 0 ? rc : file_sync_dir(path, err);
}

/* Step by step, so that batches come in between; synced by the caller. */
int
store_backup(struct store *store, const char *path, struct err *err)
{
	struct copying copying = { .path = path, .begin = true };
	int rc = 0;

	do {
		copying.more = false;
		rc = writer_call(store->writer, call_backup, &copying, err);
		copying.begin = false;
	} while (rc == 0 && copying.more);
	if (rc != 0)
		return rc;
	rc = sync_copy(path, err);
	if (rc != 0)
		(void)unlink(path);
	return rc;
}

static int
touch(struct store_tx *tx, void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	tx_touch(tx);
	return 0;
}

int
store_sync(struct store *store, struct err *err)
{
	return store_write(store, touch, NULL, err);
}

uint64_t
store_durable_batch(const struct store *store)
{
	return atomic_load(&store->durable);
}

static int
call_checkpoint(struct store *store, void *ctx, struct err *err)
{
	(void)ctx;
	return store->backend->ops->checkpoint(store->backend, true, err);
}

int
store_checkpoint(struct store *store, struct err *err)
{
	return writer_call(store->writer, call_checkpoint, NULL, err);
}

/* ---- time ------------------------------------------------------------ */

int64_t
store_now_ns(const struct store *store)
{
	return storeclock_now_ns(store->clock);
}

int64_t
store_now_s(const struct store *store)
{
	return store_now_ns(store) / CLOCK_NS_PER_S;
}

int64_t
store_clock_skew_s(const struct store *store)
{
	int64_t skew_s = storeclock_skew_ns(store->clock) / CLOCK_NS_PER_S;

	return skew_s > -SKEW_MIN_S && skew_s < SKEW_MIN_S ? 0 : skew_s;
}

int
store_clock_reset(struct store *store, struct err *err)
{
	int64_t before_ns = storeclock_reset(store->clock);
	int rc = store_sync(store, err);

	if (rc != 0)
		storeclock_restore(store->clock, before_ns);
	return rc;
}
