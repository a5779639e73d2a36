/* Views of bytes, and UTF-8 against a decoder by the book. */
#include "lib/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
spans_compare_by_bytes(void **state)
{
	(void)state;
	assert_true(span_equal(span_str("ab"), span_of("ab", 2)));
	assert_false(span_equal(span_str("ab"), span_str("abc")));
	assert_true(span_equal(SPAN_NONE, span_str(NULL)));
	assert_true(span_equal(SPAN_NONE, span_str("")));
	assert_true(span_compare(span_str("a"), span_str("b")) < 0);
	assert_true(span_compare(span_str("a"), span_str("ab")) < 0);
	assert_true(span_compare(span_str("\xff"), span_str("a")) > 0);
	assert_int_equal(span_compare(SPAN_NONE, span_str("")), 0);
	assert_true(span_compare(SPAN_NONE, span_str("a")) < 0);
}

static void
prefixes_and_rests(void **state)
{
	(void)state;
	assert_true(span_has_prefix(span_str("sys/mounts"), span_str("sys/")));
	assert_false(span_has_prefix(span_str("sy"), span_str("sys/")));
	assert_true(span_has_prefix(span_str("x"), SPAN_NONE));
	assert_true(span_equal(span_skip(span_str("abc"), 1), span_str("bc")));
	assert_int_equal(span_skip(span_str("abc"), 3).len, 0);
	assert_int_equal(span_skip(span_str("abc"), 99).len, 0);
	assert_int_equal(span_skip(SPAN_NONE, 0).len, 0);
}

static void
strings_join_where_there_is_room(void **state)
{
	static const char *const parts[] = { "sys/", "", "mounts" };
	char out[12] = "as it was";

	(void)state;
	assert_false(str_join(out, 10, parts, 3));
	assert_string_equal(out, "as it was");
	assert_true(str_join(out, 11, parts, 3));
	assert_string_equal(out, "sys/mounts");
	assert_true(str_join(out, 1, parts, 0));
	assert_string_equal(out, "");
	assert_false(str_join(out, 0, parts, 0));
}

/* Decode by arithmetic, then ask whether the form was the shortest. */
static size_t
slow_len(const uint8_t *at, size_t left)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = 1, i;
	uint32_t rune = at[0];

	if (at[0] < 0x80)
		return 1;
	if (at[0] >> 5 == 6)
		len = 2;
	else if (at[0] >> 4 == 14)
		len = 3;
	else if (at[0] >> 3 == 30)
		len = 4;
	else
		return 0;
	if (len > left)
		return 0;
	rune &= 0x7fU >> len;
	for (i = 1; i < len; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		rune = rune << 6 | (at[i] & 0x3f);
	}
	if (rune < smallest[len] || rune > 0x10ffff ||
		(rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	return len;
}

static void
utf8_is_judged_as_by_the_book(void **state)
{
	static const uint8_t tails[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90,
		0x9f, 0xa0, 0xbf, 0xc0, 0xff };
	uint8_t text[4];
	size_t i, j, k, len;
	int first;

	(void)state;
	for (first = 0; first < 256; first++)
		for (i = 0; i < sizeof(tails); i++)
			for (j = 0; j < sizeof(tails); j++)
				for (k = 0; k < sizeof(tails); k++) {
					text[0] = (uint8_t)first;
					text[1] = tails[i];
					text[2] = tails[j];
					text[3] = tails[k];
					for (len = 1; len <= 4; len++)
						assert_int_equal(
							span_utf8_len(span_of(
								text, len)),
							slow_len(text, len));
				}
	assert_int_equal(span_utf8_len(SPAN_NONE), 0);
}

static void
a_line_has_an_end(void **state)
{
	static const struct {
		const char *text;
		bool has;
	} cases[] = {
		{ "", false },
		{ "ready", false },
		{ "ready\n", true },
		{ "ready\r\n", true },
		{ "ready\r\r\n", false },
		{ "\r\nnot ready\nready\nx", true },
		{ "already\nready \n\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			span_has_line(span_str(cases[i].text), "ready"),
			cases[i].has);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_compare_by_bytes),
		cmocka_unit_test(prefixes_and_rests),
		cmocka_unit_test(strings_join_where_there_is_room),
		cmocka_unit_test(a_line_has_an_end),
		cmocka_unit_test(utf8_is_judged_as_by_the_book),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
