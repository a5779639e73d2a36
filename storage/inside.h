/* What the files that make up the store share. Only storage/ includes this. */
#ifndef SALLYPORT_STORAGE_INSIDE_H
#define SALLYPORT_STORAGE_INSIDE_H

#include <stdatomic.h>

#include "lib/buf.h"
#include "lib/lock.h"
#include "storage/backend.h"
#include "storage/barrier.h"
#include "storage/store.h"
#include "storage/storeclock.h"

struct cache;
struct outbox_record;
struct writer;

/* Row numbers reserved in one durable step. */
#define ROW_BLOCK 4096

/* First byte of a record that is not sealed; sealed ones begin with 1. */
#define FORMAT_CLEAR 0

/*
 * What each commit writes: its number and clock mark; the key term in use and
 * how many values it had sealed.
 */
#define STATE_KEY "core/state"
#define STATE_NUMBERS 4 /* u64be: batch, ns, term, values sealed */

struct key_use {
	uint32_t term; /* 0: none yet */
	uint64_t n;
};

extern struct guard store_barrier_guard, store_rows_guard;

struct store {
	struct backend *backend;
	struct cache *cache;
	struct writer *writer;
	struct storeclock *clock;
	pthread_rwlock_t barrier_lock; /* read: a transaction uses barrier */
	/* NULL: sealed. */
	struct barrier *barrier GUARDED_BY(store_barrier_guard);
	struct key_use key_use;   /* of the last batch; the writer's */
	_Atomic uint64_t batch;   /* number of the last commit */
	_Atomic uint64_t durable; /* = batch since the first one made here */
	atomic_bool failed;
	void (*on_failure)(void *ctx);
	void *on_failure_ctx;
	pthread_mutex_t row_lock;
	uint64_t row_next GUARDED_BY(store_rows_guard);
	uint64_t row_end GUARDED_BY(store_rows_guard);
};

/* Hashes of the keys that a batch changed, for the cache. */
struct changes {
	uint64_t *hashes;
	size_t n, cap;
};

#define OWNER_KEY_MAX 40

struct store_tx {
	struct store *store;
	struct backend_reader *reader; /* NULL: the writer */
	struct changes *changes;       /* NULL: reading only */
	struct barrier *barrier;       /* NULL: sealed */
	int64_t now_ns;
	uint64_t batch;
	/* Key of a token that a function of this batch found live, or none. */
	uint8_t owner[OWNER_KEY_MAX];
	size_t owner_len;
	/* Of the outbox, the newest first; that one may take more facts. */
	struct outbox_record *records;
	bool dirty;         /* there is something to commit */
	int broken;         /* code of the failure that ends the batch */
	struct buf sealed;  /* bytes of the record at hand */
	struct err failure; /* what the backend said of it */
};

/* An empty transaction of store on the writer's view or on a snapshot. */
void tx_init(struct store_tx *tx, struct store *store,
	struct backend_reader *reader, struct changes *changes)
	REQUIRES_SHARED(store_barrier_guard);
void tx_clear(struct store_tx *tx);

/* Delete whatever the record is, without a look at the barrier. */
int tx_delete_raw(struct store_tx *tx, struct span key, struct err *err);

/* Give the batch something to commit though no record changes. */
void tx_touch(struct store_tx *tx);

/*
 * The token at key was found live: the next function of the batch need not look
 * again. One token is kept at a time, until its record changes or a function is
 * undone.
 */
void tx_keep_owner(struct store_tx *tx, struct span key);
bool tx_is_owner_kept(const struct store_tx *tx, struct span key);
void tx_drop_owner(struct store_tx *tx);

/* Write the state record of this commit. */
int tx_put_state(struct store_tx *tx, struct err *err);

/* The end of the reserved row numbers: no row has this one or a later one. */
int store_rows_end(struct store_tx *tx, uint64_t *ret_end, struct err *err);

/* ---- writer.c -------------------------------------------------------- */

/* Something to do on the writer's thread, between batches. */
typedef int writer_call_fn(struct store *store, void *ctx, struct err *err);

int writer_start(struct store *store, size_t batch_max,
	struct writer **ret_writer, struct err *err);

/* Finish what is queued, end the thread. NULL is fine. */
void writer_stop(struct writer **writer);

void writer_begin(struct writer *writer, struct store_job *job);

/* Wait until fn's batch is durable (store_write), until call has returned. */
int writer_run(struct writer *writer, store_fn *fn, void *ctx, struct err *err);
int writer_call(struct writer *writer, writer_call_fn *call, void *ctx,
	struct err *err);

void writer_delete_later(struct writer *writer, struct span key);

/* ---- outbox.c -------------------------------------------------------- */

/* Write what facts there are; those to come go into another record. */
int outbox_flush(struct store_tx *tx, struct err *err);

/* The transaction was committed, or all behind the first n records undone. */
void outbox_committed(struct store_tx *tx);
void outbox_undone(struct store_tx *tx, const struct outbox_record *until);

/* ---- cache.c --------------------------------------------------------- */

struct cache *cache_new(size_t size_max);
void cache_free(struct cache **cache);

/* A keyed hash, so that nobody can choose names that collide. */
uint64_t cache_hash(const struct cache *cache, struct span key);

/* Forget the records with these hashes, also those being read just now. */
void cache_drop(struct cache *cache, const uint64_t *hashes, size_t n);

/* Forget everything. */
void cache_wipe(struct cache *cache);

#endif
