/* Reads from the front of bytes, up to their end and not past it. */
#include "lib/cursor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
reads_follow_each_other_to_the_end(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 0xff, 'a', 'b' };
	struct span rest = span_of(bytes, sizeof(bytes));
	bool bad = false;

	(void)state;
	assert_int_equal(cursor_take_number(&rest, &bad, 1), 1);
	assert_int_equal(cursor_take_number(&rest, &bad, 3), 0x0203ff);
	assert_true(span_equal(cursor_take(&rest, &bad, 2), span_str("ab")));
	assert_int_equal(cursor_take(&rest, &bad, 0).len, 0);
	assert_int_equal(rest.len, 0);
	assert_false(bad);
}

static void
a_number_holds_all_of_its_eight_bytes(void **state)
{
	struct span rest = span_str("\xfe\xdc\xba\x98\x76\x54\x32\x10");
	bool bad = false;

	(void)state;
	assert_true(cursor_take_number(&rest, &bad, 8) == 0xfedcba9876543210U);
	assert_false(bad);
}

/* What would still fit is not given either: the record is bad as a whole. */
static void
nothing_is_given_after_a_read_past_the_end(void **state)
{
	struct span rest = span_str("abc");
	bool bad = false;

	(void)state;
	assert_int_equal(cursor_take(&rest, &bad, 4).len, 0);
	assert_true(bad);
	assert_int_equal(cursor_take(&rest, &bad, 1).len, 0);
	assert_int_equal(cursor_take_number(&rest, &bad, 1), 0);
	assert_true(bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_follow_each_other_to_the_end),
		cmocka_unit_test(a_number_holds_all_of_its_eight_bytes),
		cmocka_unit_test(nothing_is_given_after_a_read_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
