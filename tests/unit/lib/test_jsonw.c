/* Value trees to JSON text. */
#include "lib/jsonw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
assert_string_as(const char *in, size_t len, const char *want)
{
	struct buf buf;

	buf_init(&buf, 1000);
	jsonw_string(&buf, span_of(in, len));
	assert_string_equal(buf_str(&buf), want);
	buf_clear(&buf);
}

static void
strings_are_escaped(void **state)
{
	(void)state;
	assert_string_as("", 0, "\"\"");
	assert_string_as("a\"b\\c\n\r\t\x01\x7f", 10,
		"\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u007f\"");
	assert_string_as("a\0b", 3, "\"a\\u0000b\"");
	assert_string_as("\xc2\x9b[31m", 6, "\"\\u009b[31m\"");
	assert_string_as("<>&'/", 5, "\"<>&'/\"");
	assert_string_as("\xe2\x82\xac", 3, "\"\xe2\x82\xac\"");
}

/* Eight bytes are looked at together: each byte value at each of the places. */
static void
every_byte_is_judged_alike_wherever_it_stands(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char alone[2] = { (char)c, '\0' }, text[17];
		struct buf one, many;

		buf_init(&one, 100);
		jsonw_string(&one, span_of(alone, 1));
		for (size_t at = 0; at < 16; at++) {
			memset(text, 'x', 16);
			text[at] = (char)c;
			buf_init(&many, 100);
			jsonw_string(&many, span_of(text, 16));
			assert_int_equal(many.len, one.len + 15);
			assert_memory_equal(
				many.data + 1 + at, one.data + 1, one.len - 2);
			assert_int_equal(many.data[many.len - 2],
				at < 15 ? 'x' : one.data[one.len - 2]);
			buf_clear(&many);
		}
		buf_clear(&one);
	}
}

static void
bad_utf8_becomes_the_replacement(void **state)
{
	(void)state;
	assert_string_as("a\xff"
			 "b",
		3,
		"\"a\xef\xbf\xbd"
		"b\"");
	/* Overlong, lone surrogate, cut short: one for each bad byte. */
	assert_string_as("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_string_as(
		"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_string_as("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_string_as("\xf4\x90\x80\x80", 4,
		"\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void
indented_as_go_does(void **state)
{
	struct arena *arena = arena_new(10000);
	struct value *root = value_object(arena), *list = value_list(arena);
	struct buf buf;

	(void)state;
	value_add(list, value_int(arena, 1));
	value_add(list, value_bool(arena, true));
	value_set(arena, root, "list", list);
	value_set(arena, root, "none", value_list(arena));
	value_set(arena, root, "empty", value_object(arena));
	value_set(arena, root, "null", value_null(arena));
	buf_init(&buf, 1000);
	jsonw_value(&buf, root, 2);
	assert_string_equal(buf_str(&buf),
		"{\n  \"list\": [\n    1,\n    true\n  ],\n  \"none\": [],\n"
		"  \"empty\": {},\n  \"null\": null\n}");
	buf_clear(&buf);
	arena_free(&arena);
}

static void
running_out_of_room_shows_in_the_buffer(void **state)
{
	struct arena *arena = arena_new(10000);
	struct buf buf;

	(void)state;
	buf_init(&buf, 5);
	jsonw_value(&buf, value_string(arena, "longer"), 0);
	assert_int_equal(buf_check(&buf, NULL), ERR_LIMIT);
	buf_clear(&buf);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(every_byte_is_judged_alike_wherever_it_stands),
		cmocka_unit_test(bad_utf8_becomes_the_replacement),
		cmocka_unit_test(indented_as_go_does),
		cmocka_unit_test(running_out_of_room_shows_in_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
