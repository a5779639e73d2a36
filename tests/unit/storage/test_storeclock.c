/* The store's clock against wall time that steps either way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "storage/store.h"
#include "storage/storeclock.h"

#define S CLOCK_NS_PER_S
#define HOUR (3600 * S)

/* Wall time, and boot time that only passes. */
static int64_t wall_ns, boot_ns;

static int64_t
fake_wall(void *ctx)
{
	(void)ctx;
	return wall_ns;
}

static int64_t
fake_boot(void *ctx)
{
	(void)ctx;
	return boot_ns;
}

static const struct clock fake = { fake_wall, fake_boot, NULL };

static void
pass(int64_t ns)
{
	wall_ns += ns;
	boot_ns += ns;
}

static int
setup(void **state)
{
	wall_ns = 1000000 * S;
	boot_ns = 500 * S;
	*state = storeclock_new(&fake, 0);
	return *state == NULL;
}

static int
teardown(void **state)
{
	struct storeclock *clock = *state;

	storeclock_free(&clock);
	return 0;
}

static void
time_passes_as_on_the_wall(void **state)
{
	assert_int_equal(1000000 * S, storeclock_now_ns(*state));
	pass(90 * S);
	assert_int_equal(1000090 * S, storeclock_now_ns(*state));
	assert_int_equal(0, storeclock_skew_ns(*state));
}

static void
wall_time_set_back_is_not_followed(void **state)
{
	wall_ns -= HOUR;
	assert_int_equal(1000000 * S, storeclock_now_ns(*state));
	pass(10 * S);
	assert_int_equal(1000010 * S, storeclock_now_ns(*state));
	assert_int_equal(-HOUR, storeclock_skew_ns(*state));
}

static void
wall_time_ahead_by_an_hour_is_followed(void **state)
{
	wall_ns += HOUR;
	assert_int_equal(1000000 * S + HOUR, storeclock_now_ns(*state));
	wall_ns -= HOUR;
	assert_int_equal(1000000 * S + HOUR, storeclock_now_ns(*state));
}

static void
wall_time_far_ahead_is_not_followed(void **state)
{
	wall_ns += HOUR + 1;
	assert_int_equal(1000000 * S, storeclock_now_ns(*state));
	pass(5 * S);
	assert_int_equal(1000005 * S, storeclock_now_ns(*state));
	assert_int_equal(HOUR + 1, storeclock_skew_ns(*state));
}

static void
a_start_is_never_behind_the_mark(void **state)
{
	struct storeclock *clock = storeclock_new(&fake, 1000000 * S + HOUR);

	(void)state;
	assert_int_equal(1000000 * S + HOUR, storeclock_now_ns(clock));
	pass(3 * S);
	assert_int_equal(1000003 * S + HOUR, storeclock_now_ns(clock));
	storeclock_free(&clock);
}

static void
a_reset_goes_back_to_wall_time(void **state)
{
	wall_ns -= 10 * HOUR;
	assert_int_equal(1000000 * S, storeclock_now_ns(*state));
	(void)storeclock_reset(*state);
	assert_int_equal(1000000 * S - 10 * HOUR, storeclock_now_ns(*state));
}

/* ---- in the store ---------------------------------------------------- */

static int
put_and_tell_time(struct store_tx *tx, void *ctx, struct err *err)
{
	int64_t *now_s = ctx;

	*now_s = tx_now_s(tx);
	return tx_put_clear(tx, span_str("core/x"), SPAN_NONE, err);
}

struct mark {
	uint64_t batch;
	int64_t ns;
};

static int
read_mark(struct store_tx *tx, void *ctx, struct err *err)
{
	struct arena *arena = arena_new(ARENA_CHUNK);
	struct mark *mark = ctx;
	struct span value;
	int rc = tx_get_clear(tx, span_str("core/state"), arena, &value, err);

	if (rc == 0 && value.len == 32) {
		mark->batch = __builtin_bswap64(
			((const uint64_t *)(const void *)value.data)[0]);
		mark->ns = (int64_t)__builtin_bswap64(
			((const uint64_t *)(const void *)value.data)[1]);
	}
	arena_free(&arena);
	return rc;
}

static void
each_commit_keeps_its_number_and_time(void **state)
{
	struct store_settings settings = { .clock = &fake };
	struct store *store = NULL;
	struct mark mark;
	int64_t now_s;

	(void)state;
	assert_int_equal(0, store_open_memory(&settings, &store, NULL));
	assert_int_equal(
		0, store_write(store, put_and_tell_time, &now_s, NULL));
	pass(7 * S);
	assert_int_equal(
		0, store_write(store, put_and_tell_time, &now_s, NULL));
	assert_int_equal(1000007, now_s);
	assert_int_equal(0, store_read(store, read_mark, &mark, NULL));
	assert_int_equal(2, mark.batch);
	assert_int_equal(1000007 * S, mark.ns);
	store_close(&store);
}

static void
a_clock_reset_moves_the_mark(void **state)
{
	struct store_settings settings = { .clock = &fake };
	struct store *store = NULL;
	struct mark mark;
	int64_t now_s;

	(void)state;
	assert_int_equal(0, store_open_memory(&settings, &store, NULL));
	assert_int_equal(
		0, store_write(store, put_and_tell_time, &now_s, NULL));
	wall_ns -= 59 * S;
	assert_int_equal(0, store_clock_skew_s(store));
	wall_ns -= 5 * HOUR - 59 * S;
	assert_int_equal(-5 * 3600, store_clock_skew_s(store));
	assert_int_equal(0, store_clock_reset(store, NULL));
	assert_int_equal(0, store_clock_skew_s(store));
	assert_int_equal(0, store_read(store, read_mark, &mark, NULL));
	assert_int_equal(1000000 * S - 5 * HOUR, mark.ns);
	store_close(&store);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(time_passes_as_on_the_wall),
		EACH(wall_time_set_back_is_not_followed),
		EACH(wall_time_ahead_by_an_hour_is_followed),
		EACH(wall_time_far_ahead_is_not_followed),
		EACH(a_start_is_never_behind_the_mark),
		EACH(a_reset_goes_back_to_wall_time),
		EACH(each_commit_keeps_its_number_and_time),
		EACH(a_clock_reset_moves_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
