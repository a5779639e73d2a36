/*
 * The store: an ordered key/value map with an index of due times, changed only
 * inside transaction functions. Values pass through the barrier: what a
 * backend sees is sealed. One writer thread commits all waiting write
 * functions together; store_write returns when its effect is durable
 * (design.md 5).
 */
#ifndef SALLYPORT_STORAGE_STORE_H
#define SALLYPORT_STORAGE_STORE_H

#include "lib/arena.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/span.h"

struct barrier;
struct store;
struct store_tx;

/*
 * A transaction function. It may read and change through tx only; it may not
 * block, lock, call out, nest, or draw time or random values. It may run more
 * than once, so it sets what it fills in ctx afresh. A negative return undoes
 * its own changes alone and becomes store_write's return.
 */
typedef int store_fn(struct store_tx *tx, void *ctx, struct err *err);

#define STORE_KEY_MAX 1024
#define STORE_VALUE_MAX (1024 * 1024)

struct store_settings {
	const char *path;          /* the file; its directory must be 0700 */
	const struct clock *clock; /* NULL: the machine's */
	size_t cache_bytes;        /* cap of the cache of opened records */
	size_t batch_max;          /* write functions in a commit; 0: 256 */
	bool create;               /* make the file where there is none */
};

/*
 * Open a SQLite file (WAL, synchronous=FULL). Takes a lock file for life, so
 * that a second server is refused; refuses wide modes and foreign owners
 * (reliability.md L39, L41). The caller owns it: store_close.
 */
int store_open_sqlite(const struct store_settings *settings,
	struct store **ret_store, struct err *err);

/* The same in memory, for tests: nothing survives store_close. */
int store_open_memory(const struct store_settings *settings,
	struct store **ret_store, struct err *err);

/* Finish what is queued, stop the writer, close. NULL is fine. */
void store_close(struct store **store);

/*
 * Run fn on a snapshot: at most 1,000 rows or 20 ms of reading, since an old
 * snapshot keeps the log from being reused; page long lists by key.
 */
int store_read(struct store *store, store_fn *fn, void *ctx, struct err *err);

/*
 * Run fn in the writer and wait until its batch is durable. 0: durable. A
 * code of fn's own: undone alone. ERR_FULL (503 "storage unavailable"): batch
 * undone, reads go on. ERR_STORAGE (503): final, store_failed is true and the
 * process must end. ERR_BUSY (503 "overloaded"): the queue is full.
 */
int store_write(struct store *store, store_fn *fn, void *ctx, struct err *err);

/*
 * The same for who does not wait: fill in what stands before the empty line,
 * keep the job until done is called. That is once, with rc in place: from the
 * writer's thread when the batch is durable or failed, or from this call where
 * the job cannot be queued. done may not block. Any thread, never blocks.
 */
struct store_job {
	store_fn *fn;
	void *ctx;
	struct err *err;
	void (*done)(struct store_job *job);

	int rc;
	struct store_job *next;
	int (*call)(struct store *store, void *ctx, struct err *err);
};

void store_write_begin(struct store *store, struct store_job *job);

/*
 * Delete a sealed record with some later batch, at the latest when the writer
 * has been idle for a second; lost in a crash. For outbox rows whose audit
 * line is durable. Never blocks.
 */
void store_delete_later(struct store *store, struct span key);

/* The first failed fsync was final: answer 503 and end the process. */
bool store_failed(const struct store *store);

/*
 * Called once, on the writer's thread, when the store fails for good and the
 * callers of that batch have their answer. Set it before the first write.
 */
void store_on_failure(struct store *store, void (*fn)(void *ctx), void *ctx);

/*
 * The barrier that opens and seals values from now on; NULL closes: sealed
 * calls answer ERR_SEALED (503 "Vault is sealed") and the cache is wiped. The
 * barrier stays the caller's and must outlive its use; the call returns once
 * no transaction uses the former one.
 */
void store_set_barrier(struct store *store, struct barrier *barrier);

/* Unique for ever, nearly in order of time; reserves blocks of 4,096. */
int store_row_number(struct store *store, uint64_t *ret_row, struct err *err);

/*
 * Copy the whole store, at one point in time, to a new file (mode 0600): all
 * that was answered before the call is in it. One at a time (ERR_EXISTS).
 */
int store_backup(struct store *store, const char *path, struct err *err);

/*
 * The number of the last commit known to be durable; 0 until the first one
 * since the store was opened, for what a killed server left in the log may not
 * have reached the disk. store_sync makes one that changes nothing.
 */
uint64_t store_durable_batch(const struct store *store);
int store_sync(struct store *store, struct err *err);

/*
 * Move WAL content into the file now. The writer does it by itself; tests ask
 * for it where they want to see it, or see it fail.
 */
int store_checkpoint(struct store *store, struct err *err);

/* "sqlite" or "memory"; and what a log line at start says of it. */
const char *store_kind(const struct store *store);
const char *store_describe(const struct store *store);

/* ---- inside a transaction ------------------------------------------- */

/* The batch's clock: seconds since 1970, never behind the store's mark. */
int64_t tx_now_s(const struct store_tx *tx);
int64_t tx_now_ns(const struct store_tx *tx);

/*
 * The number of this commit: counts up, kept in the store. In a read: that of
 * the last commit, or of one before it where another came just now.
 */
uint64_t tx_batch(const struct store_tx *tx);

/* The barrier that it works behind; NULL while sealed. */
const struct barrier *tx_barrier(const struct store_tx *tx);

/*
 * Sealed records. tx_get copies the value into arena; ERR_ABSENT (404, empty
 * message) where there is none. A value that does not open is ERR_CRYPTO, 500.
 */
int tx_get(struct store_tx *tx, struct span key, struct arena *arena,
	struct span *ret_value, struct err *err);
int tx_put(struct store_tx *tx, struct span key, struct span value,
	struct err *err);
int tx_delete(struct store_tx *tx, struct span key, struct err *err);
bool tx_exists(struct store_tx *tx, struct span key);

/* Unsealed records, under "core/" only: schema, seal, keyring, counters. */
int tx_get_clear(struct store_tx *tx, struct span key, struct arena *arena,
	struct span *ret_value, struct err *err);
int tx_put_clear(struct store_tx *tx, struct span key, struct span value,
	struct err *err);

/* Non-zero ends the scan and becomes its return; 1 ends it with success. */
typedef int tx_scan_fn(
	void *ctx, struct span key, struct span value, struct err *err);

/*
 * Walk keys that begin with prefix, in bytewise order, those after `after`
 * only (empty: from the start; `after` is a whole key), at most limit (0: no
 * bound). keys_only: value is empty and nothing is opened; unsealed records
 * can be walked in this way alone. A value lives until its callback returns,
 * which may read through tx but not change the store.
 */
int tx_scan(struct store_tx *tx, struct span prefix, struct span after,
	size_t limit, bool keys_only, tx_scan_fn *fn, void *ctx,
	struct err *err);

/* The due index: at most one entry for each (due, key) pair. */
int tx_due_put(
	struct store_tx *tx, int64_t due_s, struct span key, struct err *err);
int tx_due_delete(
	struct store_tx *tx, int64_t due_s, struct span key, struct err *err);

/* Entries due at or before until_s, earliest first, at most limit. */
typedef int tx_due_fn(
	void *ctx, int64_t due_s, struct span key, struct err *err);
int tx_due_scan(struct store_tx *tx, int64_t until_s, size_t limit,
	tx_due_fn *fn, void *ctx, struct err *err);

/* The earliest due time, or ERR_ABSENT. */
int tx_due_first(struct store_tx *tx, int64_t *ret_due_s, struct err *err);

/* ---- time ------------------------------------------------------------ */

/*
 * Now, in ns since 1970: boot clock anchored to wall time at open, never
 * behind the mark kept in the store (design.md 5, Clock; reliability R26).
 */
int64_t store_now_ns(const struct store *store);
int64_t store_now_s(const struct store *store);

/*
 * How far wall time is ahead of that clock, in s; negative: behind. 0 too where
 * that is less than a minute: more is a jump that is not followed.
 */
int64_t store_clock_skew_s(const struct store *store);

/* Set the mark and the anchor to wall time again (operator clock-reset). */
int store_clock_reset(struct store *store, struct err *err);

#endif
