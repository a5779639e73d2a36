/*
 * Taking and giving back locks so that clang sees misuse (-Wthread-safety): a
 * guarded member touched without its lock, a lock kept by mistake or taken
 * twice. clang's attributes cannot name a member of a C struct, so each lock
 * has a guard, an object of the file that stands for it:
 *
 *	static struct guard queue_guard;
 *	int n_queued GUARDED_BY(queue_guard);
 *	lock_take(&writer->lock, &queue_guard);
 *
 * A guard takes no part when the program runs. With gcc all of it is nothing.
 */
#ifndef SALLYPORT_LIB_LOCK_H
#define SALLYPORT_LIB_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#ifdef __clang__
#define LOCK_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define LOCK_ATTRIBUTE(attribute)
#endif

/* Of a member or variable: only to be used with the guard's lock held. */
#define GUARDED_BY(guard) LOCK_ATTRIBUTE(guarded_by(guard))

/* Of a function: held by the caller, for writing or at least for reading. */
#define REQUIRES(guard) LOCK_ATTRIBUTE(requires_capability(guard))
#define REQUIRES_SHARED(guard) LOCK_ATTRIBUTE(requires_shared_capability(guard))

/* Of a function: not held by the caller, for it takes the lock. */
#define EXCLUDES(guard) LOCK_ATTRIBUTE(locks_excluded(guard))

/* Of a function: returns with the lock held, or given back. */
#define ACQUIRES(guard) LOCK_ATTRIBUTE(acquire_capability(guard))
#define ACQUIRES_SHARED(guard) LOCK_ATTRIBUTE(acquire_shared_capability(guard))
/* The same where it returns value. */
#define TRY_ACQUIRES(value, guard)                                             \
	LOCK_ATTRIBUTE(try_acquire_capability(value, guard))
#define RELEASES(guard) LOCK_ATTRIBUTE(release_capability(guard))
#define RELEASES_SHARED(guard) LOCK_ATTRIBUTE(release_shared_capability(guard))
#define ASSERTS(guard) LOCK_ATTRIBUTE(assert_capability(guard))

/* The analysis does not look inside; say why beside it. */
#define UNANALYZED LOCK_ATTRIBUTE(no_thread_safety_analysis)

struct LOCK_ATTRIBUTE(capability("lock")) guard {
	char nothing;
};

/*
 * Nobody else has what is guarded: it was made just now, or all others are
 * gone. To the end of the function it is as if the lock were held.
 */
static inline void guard_unshared(const struct guard *guard) ASSERTS(guard);

static inline void lock_take(pthread_mutex_t *mutex, const struct guard *guard)
	ACQUIRES(guard);
static inline bool lock_try(pthread_mutex_t *mutex, const struct guard *guard)
	TRY_ACQUIRES(true, guard);
static inline void lock_give(pthread_mutex_t *mutex, const struct guard *guard)
	RELEASES(guard);

/* A condition whose times are those of CLOCK_MONOTONIC. */
static inline void lock_init_cond(pthread_cond_t *cond);

/* Give the lock back, wait, take it again. */
static inline void lock_wait(pthread_cond_t *cond, pthread_mutex_t *mutex,
	const struct guard *guard) REQUIRES(guard);

/* The same until a time of the condition's clock at most: 0 or ETIMEDOUT. */
static inline int lock_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex,
	const struct timespec *until, const struct guard *guard)
	REQUIRES(guard);

static inline void lock_read(pthread_rwlock_t *rwlock,
	const struct guard *guard) ACQUIRES_SHARED(guard);
static inline void lock_end_read(pthread_rwlock_t *rwlock,
	const struct guard *guard) RELEASES_SHARED(guard);
static inline void lock_write(
	pthread_rwlock_t *rwlock, const struct guard *guard) ACQUIRES(guard);
static inline void lock_end_write(
	pthread_rwlock_t *rwlock, const struct guard *guard) RELEASES(guard);

/*
 * ---- what they are: not analyzed, for pthread's calls have no attributes ----
 */

UNANALYZED static inline void
guard_unshared(const struct guard *guard)
{
	(void)guard;
}

UNANALYZED static inline void
lock_take(pthread_mutex_t *mutex, const struct guard *guard)
{
	(void)guard;
	(void)pthread_mutex_lock(mutex);
}

UNANALYZED static inline bool
lock_try(pthread_mutex_t *mutex, const struct guard *guard)
{
	(void)guard;
	return pthread_mutex_trylock(mutex) == 0;
}

UNANALYZED static inline void
lock_give(pthread_mutex_t *mutex, const struct guard *guard)
{
	(void)guard;
	(void)pthread_mutex_unlock(mutex);
}

UNANALYZED static inline void
lock_wait(
	pthread_cond_t *cond, pthread_mutex_t *mutex, const struct guard *guard)
{
	(void)guard;
	(void)pthread_cond_wait(cond, mutex);
}

static inline void
lock_init_cond(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &attr);
	(void)pthread_condattr_destroy(&attr);
}

UNANALYZED static inline int
lock_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex,
	const struct timespec *until, const struct guard *guard)
{
	(void)guard;
	return pthread_cond_timedwait(cond, mutex, until);
}

UNANALYZED static inline void
lock_read(pthread_rwlock_t *rwlock, const struct guard *guard)
{
	(void)guard;
	(void)pthread_rwlock_rdlock(rwlock);
}

UNANALYZED static inline void
lock_end_read(pthread_rwlock_t *rwlock, const struct guard *guard)
{
	(void)guard;
	(void)pthread_rwlock_unlock(rwlock);
}

UNANALYZED static inline void
lock_write(pthread_rwlock_t *rwlock, const struct guard *guard)
{
	(void)guard;
	(void)pthread_rwlock_wrlock(rwlock);
}

UNANALYZED static inline void
lock_end_write(pthread_rwlock_t *rwlock, const struct guard *guard)
{
	(void)guard;
	(void)pthread_rwlock_unlock(rwlock);
}

#endif
