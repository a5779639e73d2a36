/* Durations in every form of the API. */
#include "lib/duration.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
every_form_is_read(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
	} good[] = { { "", 0 }, { "0", 0 }, { "60", 60 }, { "+60", 60 },
		{ "-5", -5 }, { "060", 60 }, { "1h30m", 5400 },
		{ "1.5h", 5400 }, { "250ms", 0 }, { "999ms", 0 },
		{ "1500ms", 1 }, { "-1500ms", -1 }, { "90s", 90 },
		{ "2d", 172800 }, { "1000000us", 1 }, { "1000000\xc2\xb5s", 1 },
		{ "1000000\xce\xbcs", 1 }, { "1000000000ns", 1 },
		{ "0.5m", 30 }, { ".5m", 30 }, { "1.m", 60 }, { "1h1h", 7200 },
		{ "1s1h", 3601 }, { "-1h30m", -5400 }, { "0s", 0 },
		{ "768h", 2764800 }, { "9223372036", INT64_C(9223372036) },
		{ "2562047h47m16s", INT64_C(9223372036) },
		{ "0.0000000001s", 0 }, { "1.999999999999s", 1 } };

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		int64_t s = 0;

		assert_int_equal(
			duration_parse_s(span_str(good[i].text), &s, NULL), 0);
		assert_true(s == good[i].s);
	}
}

static void
nonsense_is_refused(void **state)
{
	static const char *const bad[] = { " ", " 1", "1 ", "1.5", "s", "h1",
		"1x", "1h30", "--1", "-", "+", ".", ".s", "1..5s", "1d12h",
		"1.5d", "12hd", "0x10", "1e3", "1e3s", "1H", "1 h",
		"9223372037", "106752d", "2562048h", "9999999999999999999s",
		"99999999999999999999", "1h-5m", "d" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };
		int64_t s = 99;

		assert_int_equal(duration_parse_s(span_str(bad[i]), &s, &err),
			ERR_INPUT);
		assert_int_equal(s, 99);
		assert_string_equal(err.message, "invalid duration");
	}
}

static void
printed_without_zero_tails(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} forms[] = { { 0, "0s" }, { 5, "5s" }, { 60, "1m" }, { 90, "1m30s" },
		{ 3600, "1h" }, { 5400, "1h30m" }, { 3605, "1h0m5s" },
		{ 2764800, "768h" }, { -90, "-1m30s" }, { -3600, "-1h" },
		{ INT64_MIN, "-2562047788015215h30m8s" } };

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(forms); i++) {
		char out[DURATION_TEXT_MAX];

		duration_format_s(forms[i].s, out);
		assert_string_equal(out, forms[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_read),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(printed_without_zero_tails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
