/*
 * The one thread that changes the store. It takes all waiting functions, runs
 * them in one backend transaction, a failing one undone alone, commits once,
 * drops what changed from the cache and tells the callers; meanwhile the next
 * batch gathers. Who waits sleeps on a semaphore of its own, on its stack.
 */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/blocking.h"
#include "lib/log.h"
#include "storage/inside.h"

#define QUEUE_MAX 4096
#define BATCH_DEFAULT 256
#define STACK_SIZE (1024 * 1024)

/* Keys of deletes that nobody waits for: length (u32), bytes, … */
#define LATER_MAX (16 * 1024 * 1024)

/* How long deletes may wait, and how old the clock mark may get. */
#define LATER_S 1
#define MARK_S 60

static struct guard queue_guard;

struct writer {
	struct store *store;
	pthread_t thread;
	size_t batch_max;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct store_job *first GUARDED_BY(queue_guard);
	struct store_job *last GUARDED_BY(queue_guard);
	size_t n_queued GUARDED_BY(queue_guard);
	struct buf later GUARDED_BY(queue_guard);
	/* When later is done; 0: the writer must be woken. */
	int64_t flush_s GUARDED_BY(queue_guard);
	bool closing GUARDED_BY(queue_guard);

	struct buf deleting; /* taken from later; kept until committed */
	struct changes changes;
	int64_t mark_s; /* when an idle store writes its mark again */
	int last_rc;    /* of the last batch: only news are logged */
	bool told;      /* on_failure was called */
};

static int64_t
monotonic_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The one text for each way in which the backend may fail. */
static int
storage_error(struct err *err, int rc)
{
	switch (rc) {
	case ERR_FULL:
	case ERR_STORAGE:
		return err_set(err, rc, 503, "storage unavailable");
	case ERR_BUSY:
		return err_set(err, rc, 503, "overloaded");
	case ERR_MEMORY:
		return err_set_memory(err);
	default:
		return err_set(err, rc, 500, "internal error");
	}
}

/* ---- one batch ------------------------------------------------------- */

/*
 * A batch runs bare at first: savepoints would copy each page that a function
 * changes. Where one fails that has changed something, all is undone and run
 * again with a savepoint for each.
 */
#define TORN 1

/* A way to run one function of a batch. TORN: the batch cannot go on. */
typedef int run_job_fn(
	struct store_tx *tx, struct store_job *job, struct err *err);

static int
run_bare(struct store_tx *tx, struct store_job *job, UNUSED struct err *err)
{
	bool dirty = tx->dirty;

	tx->dirty = false;
	job->rc = job->fn(tx, job->ctx, job->err);
	if (tx->broken != 0)
		return tx->broken;
	if (job->rc < 0) {
		(void)err_set(job->err, job->rc, 500, "internal error");
		if (tx->dirty)
			return TORN;
	} else {
		job->rc = 0;
	}
	tx->dirty = tx->dirty || dirty;
	return 0;
}

static int
run_guarded(struct store_tx *tx, struct store_job *job, struct err *err)
{
	struct backend *backend = tx->store->backend;
	const struct outbox_record *before = tx->records;
	bool dirty = tx->dirty;
	int rc = backend->ops->savepoint(backend, err);

	if (rc != 0)
		return rc;
	job->rc = job->fn(tx, job->ctx, job->err);
	/* Its facts are undone with it, so they get a record of their own. */
	rc = job->rc >= 0 ? outbox_flush(tx, err) : 0;
	if (tx->broken != 0)
		return tx->broken;
	if (rc != 0)
		return rc;
	if (job->rc >= 0) {
		job->rc = 0;
		return backend->ops->release(backend, err);
	}
	tx->dirty = dirty; /* undone: nothing to commit */
	tx_drop_owner(tx);
	outbox_undone(tx, before);
	(void)err_set(job->err, job->rc, 500, "internal error");
	rc = backend->ops->rollback_to(backend, err);
	return rc != 0 ? rc : backend->ops->release(backend, err);
}

/* The deletes that nobody waits for ride along. */
static int
run_deletes(struct store_tx *tx, struct span keys, struct err *err)
{
	uint32_t len;
	int rc = 0;

	while (rc == 0 && keys.len > sizeof(len)) {
		memcpy(&len, keys.data, sizeof(len));
		keys = span_skip(keys, sizeof(len));
		rc = tx_delete_raw(tx, span_of(keys.data, len), err);
		keys = span_skip(keys, len);
	}
	return rc;
}

static int
run_jobs(struct writer *writer, struct store_tx *tx, struct store_job *jobs,
	run_job_fn *run, struct err *err)
{
	struct store_job *job = NULL;
	int rc = 0;

	for (job = jobs; rc == 0 && job != NULL; job = job->next)
		rc = run(tx, job, err);
	if (rc == 0)
		rc = outbox_flush(tx, err);
	if (rc == 0)
		rc = run_deletes(tx, buf_span(&writer->deleting), err);
	if (rc == 0 && tx->dirty)
		rc = tx_put_state(tx, err);
	return rc;
}

/* All or nothing: every change of the batch, in one backend transaction. */
static int
commit_jobs(struct writer *writer, struct store_tx *tx, struct store_job *jobs,
	run_job_fn *run, struct err *err)
{
	struct backend *backend = writer->store->backend;
	int rc = backend->ops->begin(backend, err);

	if (rc != 0)
		return rc;
	rc = run_jobs(writer, tx, jobs, run, err);
	if (rc == 0 && tx->dirty)
		rc = backend->ops->commit(backend, err);
	if (rc != 0 || !tx->dirty)
		backend->ops->rollback(backend);
	if (rc != 0 && tx->failure.code == rc)
		*err = tx->failure;
	return rc;
}

/* What the functions of a torn batch said does not count. */
static void
start_over(struct writer *writer, struct store_tx *tx, struct store_job *jobs)
	REQUIRES_SHARED(store_barrier_guard)
{
	struct store_job *job = NULL;

	for (job = jobs; job != NULL; job = job->next)
		err_clear(job->err);
	writer->changes.n = 0;
	outbox_undone(tx, NULL);
	tx_clear(tx);
	tx_init(tx, writer->store, NULL, &writer->changes);
}

/* The store is done for: nothing may be tried again (L42). */
static void
fail_for_good(struct store *store, const struct err *err)
{
	if (!atomic_exchange(&store->failed, true))
		log_error("the store failed for good", LOG_ERR(err));
}

/* What was read in an undone batch is void, so every job gets its error. */
static void
fail_jobs(struct store_job *jobs, int rc, const struct err *err)
{
	struct store_job *job = NULL;

	for (job = jobs; job != NULL; job = job->next) {
		job->rc = rc;
		*job->err = *err;
	}
}

static void
batch_done(struct writer *writer, struct store_tx *tx)
{
	struct store *store = writer->store;

	buf_reset(&writer->deleting);
	outbox_committed(tx);
	if (!tx->dirty)
		return;
	atomic_store(&store->batch, tx->batch);
	atomic_store(&store->durable, tx->batch);
	cache_drop(store->cache, writer->changes.hashes, writer->changes.n);
}

/* A full disk fails every batch: one line says so, one that it is over. */
static void
log_outcome(struct writer *writer, int rc, const struct err *err)
{
	if (rc == ERR_STORAGE)
		fail_for_good(writer->store, err);
	else if (rc != 0 && rc != writer->last_rc)
		log_warn("the store could not commit", LOG_ERR(err));
	else if (rc == 0 && writer->last_rc != 0)
		log_info("the store commits again");
	writer->last_rc = rc;
}

/* Run a batch; without jobs, deletes and the mark alone. */
static void
run_batch(struct writer *writer, struct store_job *jobs)
{
	struct store *store = writer->store;
	struct store_tx tx;
	struct err err = { 0 };
	int rc;

	lock_read(&store->barrier_lock, &store_barrier_guard);
	writer->changes.n = 0;
	tx_init(&tx, store, NULL, &writer->changes);
	tx.dirty = jobs == NULL;
	rc = commit_jobs(writer, &tx, jobs, run_bare, &err);
	if (rc == TORN) {
		start_over(writer, &tx, jobs);
		rc = commit_jobs(writer, &tx, jobs, run_guarded, &err);
	}
	if (rc == 0)
		batch_done(writer, &tx);
	else
		outbox_undone(&tx, NULL);
	lock_end_read(&store->barrier_lock, &store_barrier_guard);
	if (rc != 0)
		fail_jobs(jobs, storage_error(&err, rc), &err);
	if (rc != 0 || tx.dirty) {
		writer->mark_s = monotonic_s() + MARK_S;
		log_outcome(writer, rc, &err);
	}
	tx_clear(&tx);
}

/* ---- the thread ------------------------------------------------------ */

static void
end_jobs(struct store_job *jobs)
{
	struct store_job *job = NULL, *next = NULL;

	/* A job that is done is its owner's again, who may be gone. */
	for (job = jobs; job != NULL; job = next) {
		next = job->next;
		job->done(job);
	}
}

/* Time is up: is there anything to do? */
static bool
is_due(struct writer *writer, int64_t until_s) REQUIRES(queue_guard)
{
	if (writer->later.len > 0 || until_s == writer->mark_s)
		return true;
	writer->flush_s = 0;
	return false;
}

/* Wait for a job, an end or the next time that something is due. */
static void
wait_for_work(struct writer *writer) REQUIRES(queue_guard)
{
	bool failed = store_failed(writer->store);
	struct timespec until = { .tv_nsec = 0 };

	while (writer->first == NULL && !writer->closing) {
		until.tv_sec = writer->mark_s;
		if (writer->flush_s != 0 && writer->flush_s < until.tv_sec)
			until.tv_sec = writer->flush_s;
		if (failed)
			lock_wait(&writer->wake, &writer->lock, &queue_guard);
		else if (lock_wait_until(&writer->wake, &writer->lock, &until,
				 &queue_guard) == ETIMEDOUT &&
			is_due(writer, until.tv_sec))
			return;
	}
}

/* Unlink the next call, or all functions up to it and up to batch_max. */
static struct store_job *
take_jobs(struct writer *writer) REQUIRES(queue_guard)
{
	struct store_job *jobs = writer->first, *last = jobs;
	size_t n = 1;

	if (jobs == NULL)
		return NULL;
	while (jobs->call == NULL && last->next != NULL &&
		last->next->call == NULL && n < writer->batch_max) {
		last = last->next;
		n++;
	}
	writer->first = last->next;
	if (writer->first == NULL)
		writer->last = NULL;
	writer->n_queued -= n;
	last->next = NULL;
	return jobs;
}

/*
 * After a batch the writer looks for more of them by itself: each change makes
 * one soon after it, which then need not wake anybody.
 */
static void
take_deletes(struct writer *writer, bool with_jobs) REQUIRES(queue_guard)
{
	if (buf_add_span(&writer->deleting, buf_span(&writer->later)) == 0)
		buf_reset(&writer->later);
	writer->flush_s = with_jobs ? monotonic_s() + LATER_S : 0;
}

/*
 * Between batches the backend may tidy up; at the end it must. Of a full disk
 * log_outcome tells, once.
 */
static void
checkpoint(struct store *store, bool now)
{
	struct backend *backend = store->backend;
	struct err err = { 0 };
	int rc = 0;

	if (!store_failed(store))
		rc = backend->ops->checkpoint(backend, now, &err);
	if (rc == ERR_STORAGE)
		fail_for_good(store, &err);
	else if (rc != 0 && rc != ERR_FULL)
		log_warn("a checkpoint did not work", LOG_ERR(&err));
}

static void
run_call(struct store *store, struct store_job *job)
{
	job->rc = job->call(store, job->ctx, job->err);
	if (job->rc == ERR_STORAGE)
		fail_for_good(store, job->err);
}

static void
run_jobs_or_call(struct writer *writer, struct store_job *jobs)
{
	struct err err = { 0 };

	if (store_failed(writer->store))
		fail_jobs(jobs, storage_error(&err, ERR_STORAGE), &err);
	else if (jobs != NULL && jobs->call != NULL)
		run_call(writer->store, jobs);
	else
		run_batch(writer, jobs);
	end_jobs(jobs);
}

/* Whoever waits has its answer first. */
static void
tell_failure(struct writer *writer)
{
	struct store *store = writer->store;

	if (!store_failed(store) || writer->told)
		return;
	writer->told = true;
	if (store->on_failure != NULL)
		store->on_failure(store->on_failure_ctx);
}

static void *
writer_main(void *arg)
{
	struct writer *writer = arg;
	struct store_job *jobs = NULL;
	bool end = false;

	while (!end) {
		lock_take(&writer->lock, &queue_guard);
		wait_for_work(writer);
		jobs = take_jobs(writer);
		if (jobs == NULL || jobs->call == NULL)
			take_deletes(writer, jobs != NULL);
		end = jobs == NULL && writer->closing;
		lock_give(&writer->lock, &queue_guard);
		run_jobs_or_call(writer, jobs);
		checkpoint(writer->store, end);
		tell_failure(writer);
	}
	return NULL;
}

/* ---- for other threads ----------------------------------------------- */

/*
 * Calls always find room: they are few, and the next step of a copy that was
 * refused would leave it begun for ever.
 */
static int
submit(struct writer *writer, struct store_job *job, struct err *err)
{
	bool room, wake = false;

	lock_take(&writer->lock, &queue_guard);
	room = (writer->n_queued < QUEUE_MAX || job->call != NULL) &&
		!writer->closing;
	if (room) {
		wake = writer->first == NULL;
		if (writer->last != NULL)
			writer->last->next = job;
		else
			writer->first = job;
		writer->last = job;
		writer->n_queued++;
	}
	lock_give(&writer->lock, &queue_guard);
	/* Not under the lock: the writer would wake only to wait for it. */
	if (wake)
		pthread_cond_signal(&writer->wake);
	return room ? 0 : storage_error(err, ERR_BUSY);
}

void
writer_begin(struct writer *writer, struct store_job *job)
{
	int rc = store_failed(writer->store)
		? storage_error(job->err, ERR_STORAGE)
		: submit(writer, job, job->err);

	/* Once it is queued it may be done, and gone, at any time. */
	if (rc == 0)
		return;
	job->rc = rc;
	job->done(job);
}

struct sleeper {
	struct store_job job; /* the first member */
	struct err unread;    /* where the caller wants none */
	sem_t woken;
};

static void
wake(struct store_job *job)
{
	struct sleeper *sleeper = (struct sleeper *)(void *)job;

	sem_post(&sleeper->woken);
}

static int
run_and_wait(struct writer *writer, struct store_job job)
{
	struct sleeper sleeper = { .job = job };

	sleeper.job.done = wake;
	if (job.err == NULL)
		sleeper.job.err = &sleeper.unread;
	sem_init(&sleeper.woken, 0, 0);
	writer_begin(writer, &sleeper.job);
	blocking_begin();
	while (sem_wait(&sleeper.woken) != 0)
		; /* EINTR */
	blocking_end();
	sem_destroy(&sleeper.woken);
	return sleeper.job.rc;
}

int
writer_run(struct writer *writer, store_fn *fn, void *ctx, struct err *err)
{
	struct store_job job = { .fn = fn, .ctx = ctx, .err = err };

	return run_and_wait(writer, job);
}

int
writer_call(
	struct writer *writer, writer_call_fn *call, void *ctx, struct err *err)
{
	struct store_job job = { .call = call, .ctx = ctx, .err = err };

	return run_and_wait(writer, job);
}

void
writer_delete_later(struct writer *writer, struct span key)
{
	uint32_t len = (uint32_t)key.len;
	bool kept = false;

	lock_take(&writer->lock, &queue_guard);
	if (LATER_MAX - writer->later.len > sizeof(len) + key.len &&
		buf_reserve(&writer->later, sizeof(len) + key.len) != NULL) {
		kept = buf_add(&writer->later, &len, sizeof(len)) == 0 &&
			buf_add_span(&writer->later, key) == 0;
	}
	if (kept && writer->flush_s == 0) {
		writer->flush_s = monotonic_s() + LATER_S;
		pthread_cond_signal(&writer->wake);
	}
	lock_give(&writer->lock, &queue_guard);
	if (!kept)
		log_warn("a delete that could wait was given up");
}

/* ---- life ------------------------------------------------------------ */

static void
writer_free(struct writer *writer)
{
	pthread_cond_destroy(&writer->wake);
	pthread_mutex_destroy(&writer->lock);
	buf_clear(&writer->later);
	buf_clear(&writer->deleting);
	free(writer->changes.hashes);
	free(writer);
}

static struct writer *
writer_new(struct store *store, size_t batch_max)
{
	struct writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return NULL;
	writer->store = store;
	writer->batch_max = batch_max != 0 ? batch_max : BATCH_DEFAULT;
	writer->mark_s = monotonic_s() + MARK_S;
	pthread_mutex_init(&writer->lock, NULL);
	lock_init_cond(&writer->wake);
	buf_init(&writer->later, LATER_MAX);
	buf_init(&writer->deleting, 2 * LATER_MAX);
	return writer;
}

/* Start the thread with every signal blocked: they are for others. */
static int
start_thread(struct writer *writer, struct err *err)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int errnum;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(&writer->thread, &attr, writer_main, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (errnum == 0) {
		(void)pthread_setname_np(writer->thread, "store-writer");
		return 0;
	}
	errno = errnum;
	return err_set_errno(err, "starting the store's writer");
}

int
writer_start(struct store *store, size_t batch_max, struct writer **ret_writer,
	struct err *err)
{
	struct writer *writer = writer_new(store, batch_max);
	int rc;

	if (writer == NULL)
		return err_set_memory(err);
	rc = start_thread(writer, err);
	if (rc != 0) {
		writer_free(writer);
		return rc;
	}
	*ret_writer = writer;
	return 0;
}

void
writer_stop(struct writer **writer)
{
	if (*writer == NULL)
		return;
	lock_take(&(*writer)->lock, &queue_guard);
	(*writer)->closing = true;
	pthread_cond_signal(&(*writer)->wake);
	lock_give(&(*writer)->lock, &queue_guard);
	pthread_join((*writer)->thread, NULL);
	writer_free(*writer);
	*writer = NULL;
}
