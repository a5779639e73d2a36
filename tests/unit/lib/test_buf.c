/* Growable bytes: limits, failure that sticks, wiping. */
#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
adds_are_strung_together(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	assert_string_equal(buf_str(&buf), "");
	buf_add_str(&buf, "ab");
	buf_add_char(&buf, 'c');
	buf_addf(&buf, "-%d", 42);
	buf_add_span(&buf, span_str("!"));
	assert_int_equal(buf_check(&buf, NULL), 0);
	assert_string_equal(buf_str(&buf), "abc-42!");
	buf_clear(&buf);
}

static void
numbers_are_big_endian(void **state)
{
	static const uint8_t want[] = { 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 1, 2 };
	struct buf buf;

	(void)state;
	buf_init(&buf, 12);
	buf_add_u32be(&buf, 0x01020304);
	buf_add_u64be(&buf, 0x0102);
	assert_int_equal(buf_check(&buf, NULL), 0);
	assert_true(span_equal(buf_span(&buf), span_of(want, sizeof(want))));
	buf_clear(&buf);
}

static void
numbers_print_in_decimal(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 100);
	buf_add_uint(&buf, 0);
	buf_add_char(&buf, ' ');
	buf_add_uint(&buf, UINT64_MAX);
	buf_add_char(&buf, ' ');
	buf_add_int(&buf, 1795248000);
	buf_add_char(&buf, ' ');
	buf_add_int(&buf, INT64_MIN);
	assert_string_equal(buf_str(&buf),
		"0 18446744073709551615 1795248000 -9223372036854775808");
	buf_clear(&buf);
	buf_init(&buf, 2);
	assert_int_equal(buf_add_int(&buf, -10), ERR_LIMIT);
	buf_clear(&buf);
}

static void
holds_exactly_its_largest_size(void **state)
{
	struct buf buf;
	struct err err = { 0 };
	int i;

	(void)state;
	buf_init(&buf, 100);
	for (i = 0; i < 100; i++)
		assert_int_equal(buf_add_char(&buf, 'x'), 0);
	assert_int_equal(buf_add_char(&buf, 'x'), ERR_LIMIT);
	assert_int_equal(buf.len, 100);
	assert_int_equal(buf_check(&buf, &err), ERR_LIMIT);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_clear(&buf);
}

static void
a_failed_add_changes_nothing_and_sticks(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 4);
	buf_add_str(&buf, "ab");
	assert_int_equal(buf_add_str(&buf, "cde"), ERR_LIMIT);
	assert_int_equal(buf_add_str(&buf, "c"), ERR_LIMIT);
	assert_string_equal(buf_str(&buf), "ab");
	buf_reset(&buf);
	assert_int_equal(buf_add_str(&buf, "wxyz"), 0);
	assert_int_equal(buf_check(&buf, NULL), 0);
	buf_clear(&buf);
}

static void
an_absurd_reserve_is_refused(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, SIZE_MAX);
	buf_add_str(&buf, "a");
	assert_null(buf_reserve(&buf, SIZE_MAX));
	buf_reset(&buf);
	assert_null(buf_reserve(&buf, SIZE_MAX - 1));
	buf_clear(&buf);
}

static void
a_part_filled_reserve_ends_in_nul(void **state)
{
	struct buf buf;
	/* Volatile, or the compiler leaves the useless block out. */
	uint8_t *volatile dirty = malloc(512);
	uint8_t *room = NULL;

	(void)state;
	/* Leave memory of the size to come behind that is not zero. */
	assert_non_null(dirty);
	memset(dirty, 0xff, 512);
	free(dirty);
	buf_init(&buf, 1000);
	room = buf_reserve(&buf, 500);
	assert_non_null(room);
	room[0] = 'q';
	buf.len += 1;
	assert_string_equal(buf_str(&buf), "q");
	buf_clear(&buf);
}

static void
reset_and_drop_wipe(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	buf_add_str(&buf, "secretXY");
	buf_reset(&buf);
	assert_int_equal(buf.len, 0);
	assert_memory_equal(buf.data, "\0\0\0\0\0\0\0\0", 8);
	buf_clear(&buf);
	assert_null(buf.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_are_strung_together),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(numbers_print_in_decimal),
		cmocka_unit_test(holds_exactly_its_largest_size),
		cmocka_unit_test(a_failed_add_changes_nothing_and_sticks),
		cmocka_unit_test(an_absurd_reserve_is_refused),
		cmocka_unit_test(a_part_filled_reserve_ends_in_nul),
		cmocka_unit_test(reset_and_drop_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
