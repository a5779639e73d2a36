/* K=V words into data (spec/cli.md 1.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/kv_args.h"
#include "lib/json.h"
#include "lib/jsonw.h"

static struct cli cli;
static struct err err;
static char path[] = "/tmp/sallyport-kv-XXXXXX";

static int
setup(void **state)
{
	const int fd = mkstemp(path);

	(void)state;
	json_setup();
	cli.arena = arena_new(1024 * 1024);
	if (fd < 0 || write(fd, "{\"n\":5}\n", 8) != 8)
		return 1;
	return close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&cli.arena);
	return unlink(path);
}

/* Up to three words; the data as JSON, or the error. */
static const char *
parse(const char *a, const char *b, const char *c)
{
	const char *const words[] = { a, b, c };
	struct value *data = NULL;
	char *argv[3];
	const char *text;
	struct buf out;
	int argc = 0;

	for (; argc < 3 && words[argc] != NULL; argc++)
		argv[argc] = arena_strdup(cli.arena, words[argc]);
	err = (struct err){ 0 };
	if (kv_args_parse(&cli, argc, argv, &data, &err) != 0)
		return err.message;
	buf_init(&out, 4096);
	jsonw_value(&out, data, 0);
	text = arena_strdup(cli.arena, buf_str(&out));
	buf_clear(&out);
	return text;
}

static void
words_add_up_in_order(void **state)
{
	static const char *const cases[][4] = {
		{ "k=v", NULL, NULL, "{\"k\":\"v\"}" },
		{ "k=a=b", NULL, NULL, "{\"k\":\"a=b\"}" },
		{ "k=", "", "n=5", "{\"k\":\"\",\"n\":\"5\"}" },
		{ "k=a", "k=b", NULL, "{\"k\":[\"a\",\"b\"]}" },
		{ "k=a", "k=b", "k=c", "{\"k\":[\"a\",\"b\",\"c\"]}" },
		{ "k=\\@x", NULL, NULL, "{\"k\":\"@x\"}" },
		{ NULL, NULL, NULL, "{}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(
			parse(cases[i][0], cases[i][1], cases[i][2]),
			cases[i][3]);
}

static void
files_are_values_or_objects(void **state)
{
	const char *whole = arena_printf(cli.arena, "@%s", path);
	const char *value = arena_printf(cli.arena, "k=@%s", path);

	(void)state;
	assert_string_equal(parse(whole, NULL, NULL), "{\"n\":5}");
	assert_string_equal(
		parse(value, NULL, NULL), "{\"k\":\"{\\\"n\\\":5}\\n\"}");
	assert_string_equal(parse(whole, "n=6", NULL), "{\"n\":[5,\"6\"]}");
	assert_string_equal(parse("n=6", whole, NULL), "{\"n\":5}");
}

static void
wrong_words_are_named(void **state)
{
#define FAILED "Failed to parse K=V data: "
	static const char *const cases[][2] = {
		{ "x",
			FAILED
			"invalid key/value pair \"x\": format must be key=value" },
		{ "=x",
			FAILED
			"invalid key/value pair \"=x\": format must be key=value" },
		{ "a=@/nowhere/f",
			FAILED
			"invalid key/value pair \"a=@/nowhere/f\": error reading file: open /nowhere/f: no such file or directory" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(
			parse(cases[i][0], NULL, NULL), cases[i][1]);
}

static void
standard_input_is_read_once(void **state)
{
	(void)state;
	assert_non_null(freopen(path, "r", stdin));
	assert_string_equal(parse("-", NULL, NULL), "{\"n\":5}");
	assert_non_null(freopen(path, "r", stdin));
	assert_string_equal(
		parse("k=-", "-", NULL), FAILED "stdin already consumed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_add_up_in_order),
		cmocka_unit_test(files_are_values_or_objects),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(standard_input_is_read_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
