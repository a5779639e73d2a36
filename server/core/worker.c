/*
 * Two pools of threads, each with a bounded queue: one for ordinary jobs, one
 * of two threads for slow ones, so that password hashes never starve a
 * verify. No more are at work at a time than there are processors; a thread
 * whose job waits for a disk or another process says so (lib/blocking.h), and
 * another takes its place. Threads are started when a job finds nobody idle
 * and end after a minute without work.
 */
#include "server/core/worker.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/blocking.h"
#include "lib/lock.h"

#define SLOW_THREADS 2
#define SLOW_QUEUE_MAX 128
#define IDLE_S 60
#define PROCESSORS_MIN 2

/* The sanitizers' frames are several times as large as ours. */
#ifdef SALLYPORT_SANITIZED
#define STACK_BYTES (4 * 1024 * 1024)
#else
#define STACK_BYTES (256 * 1024)
#endif

static struct guard workers_guard;

/* A queue; empty: both NULL. */
struct jobs {
	struct job *first, *last;
};

struct pool {
	struct workers *workers;
	struct jobs resumed GUARDED_BY(workers_guard);
	struct jobs queued GUARDED_BY(workers_guard);
	atomic_size_t n_waiting; /* in both */
	size_t n_parked GUARDED_BY(workers_guard);
	size_t n_queued GUARDED_BY(workers_guard);
	size_t queue_max;
	size_t n_threads GUARDED_BY(workers_guard);
	size_t threads_max;
	/* Threads that wait for work. */
	size_t n_idle GUARDED_BY(workers_guard);
	/* Threads whose job waits for something but a processor. */
	size_t n_blocked GUARDED_BY(workers_guard);
	/* So many of the others are enough; more while jobs get stuck. */
	size_t running_max GUARDED_BY(workers_guard);
	/* Jobs taken since workers_look_after. */
	size_t n_taken GUARDED_BY(workers_guard);
	/* One of them was woken and has not come yet. */
	bool waking GUARDED_BY(workers_guard);
	pthread_cond_t work;
};

struct workers {
	pthread_mutex_t mutex;
	pthread_cond_t ended; /* a thread has left its pool */
	struct pool quick, slow;
	size_t n_processors;
	bool stopping GUARDED_BY(workers_guard);
	/* The thread that left last; each that leaves joins the one before. */
	pthread_t leaver GUARDED_BY(workers_guard);
	bool has_leaver GUARDED_BY(workers_guard);
};

static void
append(struct jobs *jobs, struct job *job)
{
	job->next = NULL;
	if (jobs->last == NULL)
		jobs->first = job;
	else
		jobs->last->next = job;
	jobs->last = job;
}

static struct job *
remove_first(struct jobs *jobs)
{
	struct job *job = jobs->first;

	jobs->first = job->next;
	if (jobs->first == NULL)
		jobs->last = NULL;
	return job;
}

static bool
has_job(const struct pool *pool) REQUIRES(workers_guard)
{
	return pool->resumed.first != NULL || pool->queued.first != NULL;
}

/* Threads that are at work. */
static size_t
n_running(const struct pool *pool) REQUIRES(workers_guard)
{
	return pool->n_threads - pool->n_idle - pool->n_blocked;
}

/* Whether one more thread would be of use. */
static bool
wants_hand(const struct pool *pool) REQUIRES(workers_guard)
{
	return has_job(pool) && n_running(pool) < pool->running_max;
}

/* Somebody must be there for jobs that are parked. */
static bool
may_end(const struct pool *pool) REQUIRES(workers_guard)
{
	return pool->n_parked == 0 || pool->n_threads > 1;
}

/* Wait for work until the idle time is over; false: it is over. */
static bool
wait_for_work(struct pool *pool) REQUIRES(workers_guard)
{
	struct timespec until;
	int errnum = 0;
	bool wanted;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	pool->n_idle++;
	while (!wants_hand(pool)) {
		if ((pool->workers->stopping || errnum != 0) && may_end(pool))
			break;
		if (may_end(pool))
			errnum = lock_wait_until(&pool->work,
				&pool->workers->mutex, &until, &workers_guard);
		else
			lock_wait(&pool->work, &pool->workers->mutex,
				&workers_guard);
		pool->waking = false;
	}
	wanted = wants_hand(pool);
	pool->n_idle--;
	return wanted;
}

/*
 * Whether the caller must wake a thread, once it has let go of the mutex. One
 * at a time is on its way, and wakes the next if it finds work left: short
 * jobs are then done by few threads, without a change of thread for each.
 */
static bool
wants_wake(struct pool *pool) REQUIRES(workers_guard)
{
	if (!wants_hand(pool) || pool->n_idle == 0 || pool->waking)
		return false;
	pool->waking = true;
	return true;
}

/* The next job, waiting for one; NULL: this thread is to end. */
static struct job *
take_job(struct pool *pool) REQUIRES(workers_guard)
{
	bool may_go_on = has_job(pool) && n_running(pool) <= pool->running_max;

	if (!may_go_on && !wait_for_work(pool))
		return NULL;
	pool->n_taken++;
	atomic_fetch_sub(&pool->n_waiting, 1);
	if (pool->resumed.first != NULL)
		return remove_first(&pool->resumed);
	pool->n_queued--;
	return remove_first(&pool->queued);
}

/* Leave the pool. */
static void
leave(struct pool *pool) RELEASES(workers_guard)
{
	struct workers *workers = pool->workers;
	bool has_leaver = workers->has_leaver;
	pthread_t leaver = workers->leaver;

	workers->leaver = pthread_self();
	workers->has_leaver = true;
	pool->n_threads--;
	pthread_cond_signal(&workers->ended);
	lock_give(&workers->mutex, &workers_guard);
	if (has_leaver)
		pthread_join(leaver, NULL);
}

static void *run(void *arg);

/* One more thread, with all signals blocked: they are the main thread's. */
static bool
start_thread(struct pool *pool) REQUIRES(workers_guard)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	int errnum;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setsigmask_np(&attr, &all);
	errnum = pthread_create(&thread, &attr, run, pool);
	pthread_attr_destroy(&attr);
	if (errnum != 0)
		return false;
	pool->n_threads++;
	return true;
}

/*
 * Whether the caller must wake a thread for what is queued, once it has let go
 * of the mutex; where all are at work or wait, one more is started.
 */
static bool
find_hand(struct pool *pool) REQUIRES(workers_guard)
{
	if (wants_hand(pool) && pool->n_idle == 0 &&
		pool->n_threads < pool->threads_max)
		(void)start_thread(pool);
	return wants_wake(pool);
}

/* The job of this thread waits, or goes on: another may work meanwhile. */
static void
note_blocking(void *ctx, bool blocks)
{
	struct pool *pool = ctx;
	bool wake = false;

	lock_take(&pool->workers->mutex, &workers_guard);
	if (blocks) {
		pool->n_blocked++;
		wake = find_hand(pool);
	} else {
		pool->n_blocked--;
	}
	lock_give(&pool->workers->mutex, &workers_guard);
	if (wake)
		pthread_cond_signal(&pool->work);
}

static void *
run(void *arg)
{
	struct pool *pool = arg;
	struct job *job = NULL;
	bool wake;

	(void)pthread_setname_np(pthread_self(), "worker");
	blocking_tell(note_blocking, pool);
	lock_take(&pool->workers->mutex, &workers_guard);
	while ((job = take_job(pool)) != NULL) {
		wake = find_hand(pool);
		lock_give(&pool->workers->mutex, &workers_guard);
		if (wake)
			pthread_cond_signal(&pool->work);
		job->next = NULL;
		job->fn(job);
		lock_take(&pool->workers->mutex, &workers_guard);
	}
	leave(pool);
	return NULL;
}

static void
pool_init(struct pool *pool, struct workers *workers, size_t threads_max,
	size_t queue_max)
{
	guard_unshared(&workers_guard);
	pool->workers = workers;
	pool->running_max = workers->n_processors;
	pool->threads_max = threads_max;
	pool->queue_max = queue_max;
	atomic_init(&pool->n_waiting, 0);
	lock_init_cond(&pool->work);
}

int
workers_new(size_t threads_max, size_t queue_max, struct workers **ret_workers,
	struct err *err)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	const long n_processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (workers == NULL)
		return err_set_memory(err);
	pthread_mutex_init(&workers->mutex, NULL);
	lock_init_cond(&workers->ended);
	workers->n_processors = n_processors > PROCESSORS_MIN
		? (size_t)n_processors
		: PROCESSORS_MIN;
	pool_init(&workers->quick, workers, threads_max, queue_max);
	pool_init(&workers->slow, workers, SLOW_THREADS,
		queue_max < SLOW_QUEUE_MAX ? queue_max : SLOW_QUEUE_MAX);
	*ret_workers = workers;
	return 0;
}

void
workers_stop(struct workers *workers)
{
	pthread_t leaver;
	bool has_leaver;

	lock_take(&workers->mutex, &workers_guard);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->quick.work);
	pthread_cond_broadcast(&workers->slow.work);
	while (workers->quick.n_threads + workers->slow.n_threads > 0)
		lock_wait(&workers->ended, &workers->mutex, &workers_guard);
	leaver = workers->leaver;
	has_leaver = workers->has_leaver;
	workers->has_leaver = false;
	lock_give(&workers->mutex, &workers_guard);
	if (has_leaver)
		pthread_join(leaver, NULL);
}

void
workers_free(struct workers **workers)
{
	struct workers *old = *workers;

	if (old == NULL)
		return;
	workers_stop(old);
	pthread_cond_destroy(&old->quick.work);
	pthread_cond_destroy(&old->slow.work);
	pthread_cond_destroy(&old->ended);
	pthread_mutex_destroy(&old->mutex);
	free(old);
	*workers = NULL;
}

int
workers_submit(
	struct workers *workers, struct job *job, bool slow, struct err *err)
{
	struct pool *pool = slow ? &workers->slow : &workers->quick;
	bool taken, wake = false;

	lock_take(&workers->mutex, &workers_guard);
	taken = !workers->stopping && pool->n_queued < pool->queue_max &&
		(pool->n_threads > 0 || start_thread(pool));
	if (taken) {
		append(&pool->queued, job);
		atomic_fetch_add(&pool->n_waiting, 1);
		pool->n_queued++;
		wake = find_hand(pool);
	}
	lock_give(&workers->mutex, &workers_guard);
	if (wake)
		pthread_cond_signal(&pool->work);
	return taken ? 0 : err_set(err, ERR_BUSY, 503, "overloaded");
}

bool
workers_have_more(const struct workers *workers)
{
	return atomic_load(&workers->quick.n_waiting) > 0;
}

bool
workers_park(struct workers *workers)
{
	struct pool *pool = &workers->quick;
	bool has_thread;

	lock_take(&workers->mutex, &workers_guard);
	/* A slow job may find that the last idle quick thread has ended. */
	has_thread = pool->n_threads > 0 || start_thread(pool);
	if (has_thread)
		pool->n_parked++;
	lock_give(&workers->mutex, &workers_guard);
	return has_thread;
}

void
workers_resume(struct workers *workers, struct job *job)
{
	struct pool *pool = &workers->quick;
	bool wake;

	lock_take(&workers->mutex, &workers_guard);
	pool->n_parked--;
	append(&pool->resumed, job);
	atomic_fetch_add(&pool->n_waiting, 1);
	wake = find_hand(pool);
	lock_give(&workers->mutex, &workers_guard);
	if (wake)
		pthread_cond_signal(&pool->work);
}

void
workers_look_after(struct workers *workers)
{
	struct pool *pool;
	bool wake = false;

	if (workers == NULL)
		return;
	pool = &workers->quick;
	lock_take(&workers->mutex, &workers_guard);
	if (!has_job(pool)) {
		pool->running_max = workers->n_processors;
	} else if (pool->n_taken == 0) {
		pool->running_max++;
		wake = find_hand(pool);
	}
	pool->n_taken = 0;
	lock_give(&workers->mutex, &workers_guard);
	if (wake)
		pthread_cond_signal(&pool->work);
}
