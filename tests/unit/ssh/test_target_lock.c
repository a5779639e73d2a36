/* Turns at machines: one at a time for a name, in order, and not for ever. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "server/engines/ssh/profiles/target_lock.h"

#define THREADS 8
#define TURNS 200
#define LONG_MS 600000

static int64_t
in_ms(int64_t ms)
{
	return clock_boot_ns(clock_system()) + ms * CLOCK_NS_PER_MS;
}

static _Atomic int inside[2];
static int n_turns[2]; /* guarded by the turns themselves */
static _Atomic bool met;

/* Even threads go to one machine, odd ones to another. */
static void *
take_turns(void *ctx)
{
	static const char *const names[] = { "https://a", "https://b" };
	const size_t which = (size_t)ctx % 2;
	struct target_lock turn;

	for (int i = 0; i < TURNS; i++) {
		if (target_lock_take(
			    &turn, names[which], in_ms(LONG_MS), NULL) != 0)
			return NULL;
		if (atomic_fetch_add(&inside[which], 1) != 0)
			met = true;
		n_turns[which]++;
		(void)sched_yield();
		atomic_fetch_sub(&inside[which], 1);
		target_lock_give(&turn);
	}
	return NULL;
}

static void
nobody_meets_another_at_one_machine(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_turns,
					 (void *)i),
			0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_false(met);
	assert_int_equal(n_turns[0], THREADS / 2 * TURNS);
	assert_int_equal(n_turns[1], THREADS / 2 * TURNS);
}

static void
a_turn_that_does_not_come_is_given_up(void **state)
{
	struct target_lock first, late, other;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		target_lock_take(&first, "https://a", in_ms(LONG_MS), NULL), 0);
	assert_int_equal(target_lock_take(&late, "https://a", in_ms(1), &err),
		ERR_TIMEOUT);
	assert_int_equal(err.status, 500);
	assert_int_equal(
		target_lock_take(&other, "https://b", in_ms(-1), NULL), 0);
	target_lock_give(&first);
	assert_int_equal(
		target_lock_take(&late, "https://a", in_ms(-1), NULL), 0);
	target_lock_give(&late);
	target_lock_give(&other);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_meets_another_at_one_machine),
		cmocka_unit_test(a_turn_that_does_not_come_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
