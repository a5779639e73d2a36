/* Times as text, and clocks that tests replace. */
#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
times_print_as_go_prints_them(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} forms[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ 100000000, "1970-01-01T00:00:00.1Z" },
		{ 120000, "1970-01-01T00:00:00.00012Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ -CLOCK_NS_PER_S, "1969-12-31T23:59:59Z" },
		{ INT64_C(1795248000) * CLOCK_NS_PER_S,
			"2026-11-21T08:00:00Z" },
		{ INT64_C(951782400) * CLOCK_NS_PER_S, "2000-02-29T00:00:00Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(forms); i++) {
		char out[CLOCK_TEXT_MAX];

		clock_format_ns(forms[i].ns, out);
		assert_string_equal(out, forms[i].text);
	}
}

static void
seconds_go_past_the_end_of_ns(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} forms[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },
		{ 1795248000, "2026-11-21T08:00:00Z" },
		{ INT64_C(9223372037), "2262-04-11T23:47:17Z" },
		{ INT64_C(11018620036), "2319-03-03T07:47:16Z" },
		{ INT64_C(253402300799), "9999-12-31T23:59:59Z" },
		{ INT64_C(253402300800), "9999-12-31T23:59:59Z" },
		{ INT64_MAX, "9999-12-31T23:59:59Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		char out[CLOCK_TEXT_MAX];

		clock_format_s(forms[i].s, out);
		assert_string_equal(out, forms[i].text);
	}
}

static int64_t
fake_ns(void *ctx)
{
	int64_t *now_ns = ctx;

	return (*now_ns)++;
}

static void
a_clock_can_be_replaced(void **state)
{
	int64_t now_ns = 7;
	const struct clock clock = { fake_ns, fake_ns, &now_ns };

	(void)state;
	assert_int_equal(clock_wall_ns(&clock), 7);
	assert_int_equal(clock_boot_ns(&clock), 8);
}

static void
what_is_left_is_whole_ms_and_never_below_none(void **state)
{
	static const struct {
		int64_t in_ns, most_ms, left_ms;
	} cases[] = {
		{ 5 * CLOCK_NS_PER_S, 60000, 5000 },
		{ 5 * CLOCK_NS_PER_S, 5000, 5000 },
		{ 5 * CLOCK_NS_PER_S, 4999, 4999 },
		{ 2 * CLOCK_NS_PER_MS - 1, 60000, 1 },
		{ CLOCK_NS_PER_MS - 1, 60000, 0 },
		{ 0, 60000, 0 },
		{ -5 * CLOCK_NS_PER_S, 60000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t now_ns = CLOCK_NS_PER_S;
		const struct clock clock = { fake_ns, fake_ns, &now_ns };

		assert_int_equal(
			clock_left_ms(&clock, CLOCK_NS_PER_S + cases[i].in_ns,
				cases[i].most_ms),
			cases[i].left_ms);
	}
}

static void
the_machine_has_clocks(void **state)
{
	int64_t first = clock_boot_ns(clock_system());

	(void)state;
	assert_true(first > 0);
	assert_true(clock_boot_ns(clock_system()) >= first);
	assert_true(clock_wall_ns(clock_system()) >
		INT64_C(1700000000) * CLOCK_NS_PER_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_print_as_go_prints_them),
		cmocka_unit_test(seconds_go_past_the_end_of_ns),
		cmocka_unit_test(a_clock_can_be_replaced),
		cmocka_unit_test(what_is_left_is_whole_ms_and_never_below_none),
		cmocka_unit_test(the_machine_has_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
