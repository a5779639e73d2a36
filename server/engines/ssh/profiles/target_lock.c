/* One line for all machines: short, for few calls are under way at once. */
#include "server/engines/ssh/profiles/target_lock.h"

#include <string.h>
#include <time.h>

#include "lib/blocking.h"
#include "lib/clock.h"
#include "lib/lock.h"

static struct guard line_guard;
static pthread_mutex_t line_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct target_lock *line GUARDED_BY(line_guard);

/* The first in line for this name. */
static struct target_lock *first_of(const char *name) REQUIRES(line_guard);

static struct target_lock *
first_of(const char *name)
{
	struct target_lock *at = line;

	while (at != NULL && strcmp(at->name, name) != 0)
		at = at->next;
	return at;
}

static void join(struct target_lock *lock) REQUIRES(line_guard);

static void
join(struct target_lock *lock)
{
	struct target_lock **end = &line;

	while (*end != NULL)
		end = &(*end)->next;
	lock->next = NULL;
	*end = lock;
}

static void leave(struct target_lock *lock) REQUIRES(line_guard);

static void
leave(struct target_lock *lock)
{
	struct target_lock **at = &line;

	while (*at != lock)
		at = &(*at)->next;
	*at = lock->next;
}

/* end_ns of the boot clock as a time of the clock that conditions wait by. */
static struct timespec
until_of(int64_t end_ns)
{
	const int64_t left_ns = end_ns - clock_boot_ns(clock_system());
	struct timespec now;
	int64_t ns;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec +
		(left_ns > 0 ? left_ns : 0);
	return (struct timespec){ .tv_sec = ns / CLOCK_NS_PER_S,
		.tv_nsec = ns % CLOCK_NS_PER_S };
}

/* False: the time passed before its turn came. */
static bool
wait_for_turn(struct target_lock *lock, int64_t end_ns)
{
	const struct timespec until = until_of(end_ns);
	bool has_turn;

	lock_take(&line_mutex, &line_guard);
	join(lock);
	while (first_of(lock->name) != lock &&
		lock_wait_until(
			&lock->turn, &line_mutex, &until, &line_guard) == 0)
		;
	has_turn = first_of(lock->name) == lock;
	if (!has_turn)
		leave(lock);
	lock_give(&line_mutex, &line_guard);
	return has_turn;
}

int
target_lock_take(struct target_lock *lock, const char *name, int64_t end_ns,
	struct err *err)
{
	bool has_turn;

	lock->name = name;
	lock_init_cond(&lock->turn);
	blocking_begin();
	has_turn = wait_for_turn(lock, end_ns);
	blocking_end();
	if (has_turn)
		return 0;
	pthread_cond_destroy(&lock->turn);
	return err_set(err, ERR_TIMEOUT, 500,
		"other changes to the same machine took too long");
}

void
target_lock_give(struct target_lock *lock)
{
	struct target_lock *next;

	lock_take(&line_mutex, &line_guard);
	leave(lock);
	next = first_of(lock->name);
	if (next != NULL)
		pthread_cond_signal(&next->turn);
	lock_give(&line_mutex, &line_guard);
	pthread_cond_destroy(&lock->turn);
}
