/* The canonical path: the table of spellings, and the query. */
#include "server/http/path.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/figures.h"
#include "tests/unit/http/vectors.h"

static const char *const words[] = {
	[HTTP_PATH_OK] = "ok",
	[HTTP_PATH_BAD] = "bad",
	[HTTP_PATH_PARENT] = "parent",
	[HTTP_PATH_EMPTY] = "empty",
	[HTTP_PATH_OUTSIDE] = "outside",
	[HTTP_PATH_MEMORY] = "memory",
};

static bool
check_row(char *columns[3])
{
	struct arena *arena = arena_new(1 << 18);
	struct http_path path = { .path = "" };
	enum http_path_verdict verdict;
	struct buf target, wanted;
	const char *got;
	bool good;

	buf_init(&target, 1 << 16);
	buf_init(&wanted, 1 << 16);
	vector_unescape(columns[0], strlen(columns[0]), &target);
	if (strcmp(columns[2], "-") != 0)
		vector_unescape(columns[2], strlen(columns[2]), &wanted);
	verdict = http_path_parse(buf_span(&target), arena, &path);
	got = verdict == HTTP_PATH_EMPTY ? path.location : path.path;
	good = strcmp(words[verdict], columns[1]) == 0 &&
		strcmp(got, buf_str(&wanted)) == 0;
	if (!good)
		print_message("# %s: %s %s\n", columns[0], words[verdict], got);
	buf_clear(&target);
	buf_clear(&wanted);
	arena_free(&arena);
	return good;
}

static void
path_gives_the_only_allowed_verdict(void **state UNUSED)
{
	char line[1024], *columns[3];
	FILE *file = vector_open("paths.txt");
	size_t n = 0, failures = 0;

	assert_non_null(file);
	for (; vector_next(file, line, sizeof(line), columns); n++)
		failures += !check_row(columns);
	(void)fclose(file);
	figures_report("L01", n, failures, "request targets");
	assert_int_equal(failures, 0);
	assert_true(n >= 150);
}

static void
path_decodes_the_query_in_order(void **state UNUSED)
{
	static const char *const wanted[][2] = {
		{ "a", "1" },
		{ "b", "x y+z" },
		{ "a", "2" },
		{ "c d", "" },
		{ "", "e" },
		{ "f", "g=h" },
		{ "n", "\n" },
	};
	struct arena *arena = arena_new(1 << 16);
	struct http_path path = { .path = NULL };

	assert_int_equal(
		http_path_parse(span_str("/v1/p?a=1&b=x+y%2Bz&&a=2&c%20d&=e"
					 "&f=g=h&n=%0A"),
			arena, &path),
		HTTP_PATH_OK);
	assert_int_equal(path.n_query, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		assert_string_equal(path.query[i].name, wanted[i][0]);
		assert_string_equal(path.query[i].value, wanted[i][1]);
	}
	arena_free(&arena);
}

static void
path_refuses_each_byte_that_cannot_be_seen(void **state UNUSED)
{
	struct arena *arena = arena_new(1 << 20);

	for (unsigned c = 0; c < 256; c++) {
		bool good = c >= 0x20 && c < 0x7f && c != '\\' && c != '/';
		struct http_path path = { .path = NULL };
		char target[16];

		(void)snprintf(target, sizeof(target), "/v1/a%%%02xb", c);
		assert_int_equal(
			http_path_parse(span_str(target), arena, &path),
			good ? HTTP_PATH_OK : HTTP_PATH_BAD);
	}
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_gives_the_only_allowed_verdict),
		cmocka_unit_test(path_decodes_the_query_in_order),
		cmocka_unit_test(path_refuses_each_byte_that_cannot_be_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
