/* HCL1: every form that policies and configuration files use. */
#include "lib/hcl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/jsonw.h"
#include "tests/support/in_arena.h"

static void
assert_reads_as(const char *text, const char *json)
{
	struct value *document = NULL;
	struct err err = { 0 };
	struct buf buf;

	buf_init(&buf, 100000);
	assert_int_equal(hcl_parse(span_str(text), arena, &document, &err), 0);
	jsonw_value(&buf, document, 0);
	assert_string_equal(buf_str(&buf), json);
	buf_clear(&buf);
}

static void
assert_refused(const char *text, const char *message)
{
	struct value *document = NULL;
	struct err err = { 0 };

	assert_int_equal(
		hcl_parse(span_str(text), arena, &document, &err), ERR_INPUT);
	assert_string_equal(err.message, message);
	assert_int_equal(err.status, 400);
	assert_null(document);
}

static void
scalars_are_read(void **state)
{
	(void)state;
	assert_reads_as("", "{}");
	assert_reads_as("a = \"x\"\nb = 5\nc = true\nd = false\n",
		"{\"a\":\"x\",\"b\":5,\"c\":true,\"d\":false}");
	assert_reads_as("a = -12 b = 3.14 c = 1e10 d = 1.2E-3",
		"{\"a\":-12,\"b\":3.14,\"c\":1e10,\"d\":1.2E-3}");
	assert_reads_as(
		"a = 0x1F b = 017 c = 0", "{\"a\":31,\"b\":15,\"c\":0}");
	assert_reads_as("a.b-c_1 = 1 \"quoted key\" = 2 caf\xc3\xa9 : 3",
		"{\"a.b-c_1\":1,\"quoted key\":2,\"caf\xc3\xa9\":3}");
	assert_reads_as("\xef\xbb\xbf"
			"a=1",
		"{\"a\":1}");
}

static void
comments_are_skipped(void **state)
{
	(void)state;
	assert_reads_as("# one\n// two\n/* three\n/* */ a = 1 # end\n"
			"b /* in */ = // late\n 2 //last",
		"{\"a\":1,\"b\":2}");
	assert_reads_as("a = \"# no // comment /* here */\"",
		"{\"a\":\"# no // comment /* here */\"}");
}

static void
blocks_nest_by_their_labels(void **state)
{
	(void)state;
	assert_reads_as("path \"secret/*\" {\n  capabilities = [\"read\"]\n}\n"
			"path \"b\" { policy = \"deny\" }",
		"{\"path\":{\"secret/*\":{\"capabilities\":[\"read\"]}},"
		"\"path\":{\"b\":{\"policy\":\"deny\"}}}");
	assert_reads_as("a b \"c\" { d {} e = {} }",
		"{\"a\":{\"b\":{\"c\":{\"d\":{},\"e\":{}}}}}");
	assert_reads_as("listener \"tcp\" { address = \":1\" }\n"
			"listener \"unix\" {}",
		"{\"listener\":{\"tcp\":{\"address\":\":1\"}},"
		"\"listener\":{\"unix\":{}}}");
	assert_reads_as("o = { a = 1, b : 2 c = 3 }",
		"{\"o\":{\"a\":1,\"b\":2,\"c\":3}}");
}

static void
lists_may_end_in_a_comma(void **state)
{
	(void)state;
	assert_reads_as("a = []", "{\"a\":[]}");
	assert_reads_as("a = [1, \"b\", true,]", "{\"a\":[1,\"b\",true]}");
	assert_reads_as("a = [[1], { b = 2 }, \n# note\n <<X\nh\nX\n]",
		"{\"a\":[[1],{\"b\":2},\"h\\n\"]}");
}

static void
strings_know_their_escapes(void **state)
{
	(void)state;
	assert_reads_as("a = \"\\\"\\\\\\n\\t\\x41\\101\\u00e9\\U0001F600\"",
		"{\"a\":\"\\\"\\\\\\n\\tAA\xc3\xa9\xf0\x9f\x98\x80\"}");
	assert_reads_as("a = \"${f(\"x\", \"\\\\.\")} $ {y} ${a\n{b}}\"",
		"{\"a\":\"${f(\\\"x\\\", \\\"\\\\\\\\.\\\")} $ {y} "
		"${a\\n{b}}\"}");
	assert_reads_as("a = \"{{identity.entity.id}}/+/*\"",
		"{\"a\":\"{{identity.entity.id}}/+/*\"}");
}

static void
heredocs_keep_or_lose_their_indent(void **state)
{
	(void)state;
	assert_reads_as("a = <<EOF\nx\n  y\nEOF\nb = 1",
		"{\"a\":\"x\\n  y\\n\",\"b\":1}");
	assert_reads_as("a = <<-EOF\n    x\n      y\n    EOF\n",
		"{\"a\":\"x\\n  y\\n\"}");
	assert_reads_as(
		"a = <<-EOF\n  x\n y\n    EOF\n", "{\"a\":\"  x\\n y\\n\"}");
	assert_reads_as("a = <<EOF\r\nx\r\nEOF\r\nb = 1",
		"{\"a\":\"x\\r\\n\",\"b\":1}");
	assert_reads_as("a = <<E\nEE\n E\n", "{\"a\":\"EE\\n\"}");
	assert_reads_as("a = <<E\nE\n", "{\"a\":\"\"}");
	assert_reads_as("a = <<E\nE", "{\"a\":\"\"}");
}

static void
repeated_names_stay_apart_with_their_lines(void **state)
{
	struct value *document = NULL;
	const struct value *member = NULL;

	(void)state;
	assert_int_equal(hcl_parse(span_str("a = 1\n\na = 2\nb {\n c = 3\n}"),
				 arena, &document, NULL),
		0);
	assert_int_equal(document->n, 3);
	member = document->first;
	assert_int_equal(member->line, 1);
	assert_int_equal(member->next->line, 3);
	assert_string_equal(member->next->str, "2");
	assert_int_equal(member->next->next->line, 4);
	assert_int_equal(member->next->next->first->line, 5);
	assert_ptr_equal(value_find(document, "a"), member);
}

static void
json_gives_the_same_shape(void **state)
{
	(void)state;
	assert_reads_as(" \n{\"path\":{\"a/*\":{\"capabilities\":[\"read\"]}},"
			"\"n\":0.5}",
		"{\"path\":{\"a/*\":{\"capabilities\":[\"read\"]}},"
		"\"n\":0.5}");
	assert_refused("\n{\"a\":1,\n \"a\":2}", "At 3:5: duplicate key");
	assert_refused("{\"a\":", "At 1:6: text ends too early");
}

static void
errors_name_line_and_column(void **state)
{
	(void)state;
	assert_refused("a = 1\nb = =", "At 2:5: expected a value");
	assert_refused("a\n", "At 2:1: expected a block's opening brace");
	assert_refused(
		"a \"b\" = 1", "At 1:7: expected a block's opening brace");
	assert_refused("a = \"x\n\"", "At 1:5: literal not terminated");
	assert_refused("a = \"x", "At 1:5: literal not terminated");
	assert_refused("a = \"${x\"", "At 1:5: literal not terminated");
	assert_refused("a = \"\\q\"", "At 1:5: illegal char escape");
	assert_refused("a = \"\\ud800\"", "At 1:5: illegal char escape");
	assert_refused("a = \"\\xff\"", "At 1:5: illegal char escape");
	assert_refused("a {\n b = 1\n", "At 1:3: object not closed");
	assert_refused("a = [1", "At 1:7: expected a comma or the list's end");
	assert_refused(
		"a = [1 2]", "At 1:8: expected a comma or the list's end");
	assert_refused("a = [,]", "At 1:6: expected a value");
	assert_refused("a = [1,,2]", "At 1:8: expected a value");
	assert_refused("}", "At 1:1: expected a key");
	assert_refused("a = {]", "At 1:6: expected a key");
	assert_refused("1 = 2", "At 1:1: expected a key");
	assert_refused("a = b", "At 1:5: expected a value");
	assert_refused("a = 08", "At 1:5: illegal number");
	assert_refused("a = 1x", "At 1:5: illegal number");
	assert_refused("a = -", "At 1:5: illegal number");
	assert_refused("a = <<E\nx\n", "At 1:5: heredoc not terminated");
	assert_refused("a = <<\nx\n", "At 1:5: zero-length heredoc anchor");
	assert_refused("a = <<A B\nx\n",
		"At 1:5: invalid characters in heredoc anchor");
	assert_refused("a = <E", "At 1:5: illegal character");
	assert_refused("/* x", "At 1:1: comment not terminated");
	assert_refused("a = 1\n b = \"\xff\"", "At 2:7: invalid UTF-8");
	assert_refused("a = $", "At 1:5: illegal character");
	assert_refused(
		"\"a\\u0000b\" = 1", "At 1:1: illegal character in a key");
}

static void
depth_and_size_are_bounded(void **state)
{
	struct value *document = NULL;
	struct buf buf;
	int i;

	(void)state;
	buf_init(&buf, 1 << 20);
	buf_add_str(&buf, "a = ");
	for (i = 0; i < 100000; i++)
		buf_add_char(&buf, '[');
	assert_refused(buf_str(&buf), "At 1:37: nested too deeply");
	buf_reset(&buf);
	for (i = 0; i < 40; i++)
		buf_add_str(&buf, "\"l\" ");
	assert_refused(buf_str(&buf), "At 1:133: nested too deeply");
	buf_reset(&buf);
	for (i = 0; i < 100; i++)
		buf_add_str(&buf, "a \"b\" { c = [{}] }\n");
	assert_int_equal(hcl_parse(buf_span(&buf), arena, &document, NULL), 0);
	for (i = 0; i < 10000; i++)
		buf_add_str(&buf, "a=[1]\n");
	assert_int_equal(
		hcl_parse(buf_span(&buf), arena, &document, NULL), ERR_INPUT);
	buf_clear(&buf);
}

static void
every_size_of_arena_is_survived(void **state)
{
	static const char text[] =
		"a \"b\" { c = [1, 0x1f, true, <<-E\n  x\n  E\n] }\n"
		"d = \"${x}\\n\"\n";
	int rc = ERR_MEMORY;
	size_t size;

	(void)state;
	for (size = 0; rc == ERR_MEMORY; size++) {
		struct arena *small = arena_new(size);
		struct value *document = NULL;

		rc = hcl_parse(span_str(text), small, &document, NULL);
		arena_free(&small);
	}
	assert_int_equal(rc, 0);
	assert_true(size > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_read),
		cmocka_unit_test(comments_are_skipped),
		cmocka_unit_test(blocks_nest_by_their_labels),
		cmocka_unit_test(lists_may_end_in_a_comma),
		cmocka_unit_test(strings_know_their_escapes),
		cmocka_unit_test(heredocs_keep_or_lose_their_indent),
		cmocka_unit_test(repeated_names_stay_apart_with_their_lines),
		cmocka_unit_test(json_gives_the_same_shape),
		cmocka_unit_test(errors_name_line_and_column),
		cmocka_unit_test(depth_and_size_are_bounded),
		cmocka_unit_test(every_size_of_arena_is_survived),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
