/* The bucket of misses that each source address has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "server/api/miss_limit.h"

static struct netaddr
address(const char *text)
{
	struct netaddr addr;

	assert_int_equal(netaddr_parse(span_str(text), &addr), 0);
	return addr;
}

static void
a_source_is_stopped_after_its_burst_and_refilled(void **state)
{
	static struct miss_limit limit = MISS_LIMIT_INIT;
	const struct netaddr addr = address("192.0.2.7");
	const int64_t start_ns = 1000 * CLOCK_NS_PER_S;

	(void)state;
	for (int i = 0; i < MISS_LIMIT_BURST; i++)
		assert_true(miss_limit_take(&limit, &addr, start_ns));
	assert_false(miss_limit_take(&limit, &addr, start_ns));
	for (int i = 0; i < MISS_LIMIT_PER_S; i++)
		assert_true(miss_limit_take(
			&limit, &addr, start_ns + CLOCK_NS_PER_S));
	assert_false(miss_limit_take(&limit, &addr, start_ns + CLOCK_NS_PER_S));
}

static void
another_source_is_not_stopped(void **state)
{
	static struct miss_limit limit = MISS_LIMIT_INIT;
	const struct netaddr loud = address("192.0.2.7");
	const struct netaddr quiet = address("192.0.2.8");

	(void)state;
	for (int i = 0; i < 2 * MISS_LIMIT_BURST; i++)
		(void)miss_limit_take(&limit, &loud, CLOCK_NS_PER_S);
	assert_true(miss_limit_take(&limit, &quiet, CLOCK_NS_PER_S));
}

static void
a_long_pause_gives_no_more_than_the_burst(void **state)
{
	static struct miss_limit limit = MISS_LIMIT_INIT;
	const struct netaddr addr = address("2001:db8::1");
	int n = 0;

	(void)state;
	(void)miss_limit_take(&limit, &addr, 0);
	while (miss_limit_take(&limit, &addr, INT64_MAX / 4))
		n++;
	assert_int_equal(n, MISS_LIMIT_BURST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_source_is_stopped_after_its_burst_and_refilled),
		cmocka_unit_test(another_source_is_not_stopped),
		cmocka_unit_test(a_long_pause_gives_no_more_than_the_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
