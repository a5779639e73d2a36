/* Whole-input integers. */
#include "lib/number.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int
parse_u64(const char *text, uint64_t max, uint64_t *ret_n)
{
	return number_parse_u64(span_str(text), max, ret_n);
}

static void
unsigned_takes_digits_up_to_max(void **state)
{
	uint64_t n = 0;

	(void)state;
	assert_int_equal(parse_u64("0", 0, &n), 0);
	assert_int_equal(parse_u64("65535", 65535, &n), 0);
	assert_int_equal(n, 65535);
	assert_int_equal(parse_u64("007", 7, &n), 0);
	assert_int_equal(parse_u64("18446744073709551615", UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
}

static void
unsigned_refuses_the_rest(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "1.0",
		"0x1", "a", "65536", "18446744073709551616",
		"99999999999999999999999999" };
	uint64_t n = 77;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse_u64(bad[i], 65535, &n), ERR_INPUT);
	assert_int_equal(
		parse_u64("18446744073709551616", UINT64_MAX, &n), ERR_INPUT);
	assert_int_equal(n, 77);
}

static int
parse_i64(const char *text, int64_t *ret_n)
{
	return number_parse_i64(span_str(text), INT64_MIN, INT64_MAX, ret_n);
}

static void
signed_reaches_both_ends(void **state)
{
	int64_t n = 0;

	(void)state;
	assert_int_equal(parse_i64("-9223372036854775808", &n), 0);
	assert_true(n == INT64_MIN);
	assert_int_equal(parse_i64("+9223372036854775807", &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(parse_i64("-0", &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(parse_i64("9223372036854775808", &n), ERR_INPUT);
	assert_int_equal(parse_i64("-9223372036854775809", &n), ERR_INPUT);
	assert_int_equal(parse_i64("-", &n), ERR_INPUT);
	assert_int_equal(parse_i64("--1", &n), ERR_INPUT);
	assert_int_equal(number_parse_i64(span_str("5"), -4, 4, &n), ERR_INPUT);
}

static void
api_numbers_know_their_bases(void **state)
{
	static const struct {
		const char *text;
		int64_t n;
	} good[] = { { "0", 0 }, { "60", 60 }, { "-5", -5 }, { "+5", 5 },
		{ "0x1F", 31 }, { "0X1f", 31 }, { "010", 8 }, { "0o17", 15 },
		{ "0b101", 5 }, { "-0x10", -16 }, { "00", 0 } };

	static const char *const bad[] = { "", "0x", "08", "0b2", "0o8", "1.0",
		"1e2", " 1", "1 ", "0x-1", "1_000", "9223372036854775808" };
	int64_t n = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(
			number_parse_api(span_str(good[i].text), &n), 0);
		assert_int_equal(n, good[i].n);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			number_parse_api(span_str(bad[i]), &n), ERR_INPUT);
}

static void
truth_has_six_spellings_on_each_side(void **state)
{
	static const char *const yes[] = { "1", "t", "T", "true", "True",
		"TRUE" };
	static const char *const no[] = { "0", "f", "F", "false", "False",
		"FALSE" };
	static const char *const bad[] = { "", "2", "tRUE", "yes", "true ",
		"00", "tr" };
	bool on = false;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		assert_int_equal(number_parse_bool(span_str(yes[i]), &on), 0);
		assert_true(on);
		assert_int_equal(number_parse_bool(span_str(no[i]), &on), 0);
		assert_false(on);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			number_parse_bool(span_str(bad[i]), &on), ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_takes_digits_up_to_max),
		cmocka_unit_test(unsigned_refuses_the_rest),
		cmocka_unit_test(signed_reaches_both_ends),
		cmocka_unit_test(api_numbers_know_their_bases),
		cmocka_unit_test(truth_has_six_spellings_on_each_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
