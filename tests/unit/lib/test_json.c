/* JSON in and out: shape, refusals, limits, the text of numbers. */
#include "lib/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/jsonw.h"

static int
setup(void **state)
{
	json_setup();
	*state = arena_new(64 << 20);
	return *state == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	struct arena *arena = *state;

	arena_free(&arena);
	return 0;
}

static int
parse(void **state, const char *text, struct value **ret_value, struct err *err)
{
	return json_parse(
		span_str(text), &json_limits_request, *state, ret_value, err);
}

static void
assert_round_trip(void **state, const char *text, const char *want)
{
	struct value *value = NULL;
	struct buf buf;

	buf_init(&buf, 100000);
	assert_int_equal(parse(state, text, &value, NULL), 0);
	jsonw_value(&buf, value, 0);
	assert_string_equal(buf_str(&buf), want);
	buf_clear(&buf);
}

static void
values_come_out_as_they_went_in(void **state)
{
	static const char *const same[] = { "null", "true", "false", "0",
		"\"\"", "[]", "{}", "[1,[2,[3]],{\"a\":[]}]",
		"{\"b\":1,\"a\":2,\"c\":{\"z\":null,\"y\":true}}",
		"\"a\\\"\\\\\\n\\r\\t\\u0001/<>&\"", "\"gr\xc3\xbc\xc3\x9f\"",
		"\"a\\u0000b\"" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(same); i++)
		assert_round_trip(state, same[i], same[i]);
	assert_round_trip(state, " [ 1 , 2 ] ", "[1,2]");
	assert_round_trip(state, "\"\\u00fc\\ud83d\\ude00\\/\"",
		"\"\xc3\xbc\xf0\x9f\x98\x80/\"");
}

static void
numbers_keep_their_text(void **state)
{
	const char *text = "{\"c\":-0,\"a\":1.0,\"-9\":[1E2,\"5\",0.1,null,7],"
			   "\"b\":9223372036854775807,\"x\":-1.50e-3}";

	assert_round_trip(state, text, text);
}

static void
many_members_keep_their_order_and_numbers(void **state)
{
	struct value *value = NULL;
	struct buf buf;
	int n = 0;

	buf_init(&buf, 100000);
	buf_add_char(&buf, '{');
	for (n = 0; n < 900; n++)
		buf_addf(&buf, "%s\"k%d\":%d", n > 0 ? "," : "",
			n * 7919 % 1000, n);
	buf_add_char(&buf, '}');
	assert_int_equal(parse(state, buf_str(&buf), &value, NULL), 0);
	n = 0;
	VALUE_EACH (member, value) {
		char want[16];

		snprintf(want, sizeof(want), "%d", n++);
		assert_string_equal(member->str, want);
	}
	assert_int_equal(n, 900);
	buf_clear(&buf);
}

static void
bad_text_is_refused_with_fixed_words(void **state)
{
	static const char *const bad[] = { "", " ", "{", "[1,]", "{\"a\":1,}",
		"{\"a\":1}x", "{}{}", "{\"a\":1,\"a\":2}", "{'a':1}", "01",
		"+1", ".5", "1.", "NaN", "tru", "\"\t\"", "\"\\x\"",
		"\"\\ud800\"", "\"\\udc00\"", "\"\xff\"", "\"\xed\xa0\x80\"",
		"\xef\xbb\xbf{}", "9223372036854775808", "-9223372036854775809",
		"1e999", "[1}", "\"a", "{\"a\"}", "/**/1", "{\"\\u0000\":1}" };
	struct value *value = NULL;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		assert_int_equal(parse(state, bad[i], &value, &err), ERR_INPUT);
		assert_int_equal(err.code, ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_string_equal(err.message, "error parsing JSON");
		assert_true(err.detail[0] != '\0');
	}
	assert_null(value);
}

static void
a_nul_byte_ends_nothing(void **state)
{
	static const char *const bad[] = { "1\0", "1\0002", "[1]\0", "\0001",
		"[\0]", "\"a\0\"" };
	static const size_t lens[] = { 2, 3, 4, 2, 3, 4 };
	struct value *value = NULL;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			json_parse(span_of(bad[i], lens[i]),
				&json_limits_request, *state, &value, NULL),
			ERR_INPUT);
}

static void
an_error_never_quotes_the_text(void **state)
{
	struct value *value = NULL;
	struct err err = { 0 };

	assert_int_equal(
		parse(state, "{\"otp\": hunter2}", &value, &err), ERR_INPUT);
	assert_null(strstr(err.detail, "hunter2"));
}

static int
scan(const char *text, struct json_limits limits)
{
	return json_scan(span_str(text), &limits, NULL);
}

static void
each_limit_is_exact(void **state)
{
	const struct json_limits limits = { 2, 2, 2, 6 };

	(void)state;
	assert_int_equal(scan("[[1]]", limits), 0);
	assert_int_equal(scan("[[[1]]]", limits), ERR_LIMIT);
	assert_int_equal(scan("[{},[],{}]", limits), 0);
	assert_int_equal(scan("[\"a\",\"b\"]", limits), 0);
	assert_int_equal(scan("[\"a\",\"b\",\"c\"]", limits), ERR_LIMIT);
	assert_int_equal(scan("{\"a\" : \"b\",\"c\"\n:\"d\"}", limits), 0);
	assert_int_equal(scan("{\"a\":1,\"b\":1,\"c\":1}", limits), ERR_LIMIT);
	assert_int_equal(scan("[1,2,3,4,5]", limits), 0);
	assert_int_equal(scan("[1,2,3,4,5,6]", limits), ERR_LIMIT);
	assert_int_equal(scan("[\"[[[[\\\"[[[[\"]", limits), 0);
}

static void
the_scan_survives_text_that_is_no_json(void **state)
{
	static const char *const odd[] = { "\"", "\"\\", "}}}]]", ":::,", "\\",
		"\"\\\"", "a\"b\"c" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(odd); i++)
		assert_int_equal(scan(odd[i], json_limits_request), 0);
	assert_int_equal(
		json_scan(span_of("\0\0", 2), &json_limits_request, NULL), 0);
	assert_int_equal(json_scan(SPAN_NONE, &json_limits_request, NULL), 0);
}

static void
a_deep_bomb_is_an_error_of_limits(void **state)
{
	struct value *value = NULL;
	struct err err = { 0 };
	char bomb[100001];

	memset(bomb, '[', sizeof(bomb) - 1);
	bomb[sizeof(bomb) - 1] = '\0';
	assert_int_equal(parse(state, bomb, &value, &err), ERR_LIMIT);
	assert_string_equal(err.message, "error parsing JSON");
}

static void
a_full_arena_is_an_error_of_memory(void **state)
{
	struct arena *small = arena_new(200);
	struct value *value = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(json_parse(span_str("[1,2,3,4,5,6,7,8]"),
				 &json_limits_request, small, &value, &err),
		ERR_MEMORY);
	assert_null(value);
	arena_free(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_out_as_they_went_in),
		cmocka_unit_test(numbers_keep_their_text),
		cmocka_unit_test(many_members_keep_their_order_and_numbers),
		cmocka_unit_test(bad_text_is_refused_with_fixed_words),
		cmocka_unit_test(a_nul_byte_ends_nothing),
		cmocka_unit_test(an_error_never_quotes_the_text),
		cmocka_unit_test(each_limit_is_exact),
		cmocka_unit_test(the_scan_survives_text_that_is_no_json),
		cmocka_unit_test(a_deep_bomb_is_an_error_of_limits),
		cmocka_unit_test(a_full_arena_is_an_error_of_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
