/* Reading a file backwards, at sizes around the window's. */
#include "audit/lines_back.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW 65536

struct seen {
	size_t n;
	size_t lens[8];
	char firsts[8];
	bool torn;
	size_t stop_after;
};

static bool
see(void *ctx, struct span line, bool whole)
{
	struct seen *seen = ctx;

	assert_true(seen->n < 8);
	seen->lens[seen->n] = line.len;
	seen->firsts[seen->n] = line.len > 0 ? (char)line.data[0] : '-';
	seen->torn |= !whole;
	return ++seen->n == seen->stop_after;
}

/* A file of lines of the given lengths, 'a', 'b', …; the last whole or not. */
static int
make_file(const size_t *lens, size_t n, bool whole)
{
	FILE *file = tmpfile();
	size_t i, k;
	int fd;

	assert_non_null(file);
	for (i = 0; i < n; i++) {
		for (k = 0; k < lens[i]; k++)
			(void)putc('a' + (int)i, file);
		if (i + 1 < n || whole)
			(void)putc('\n', file);
	}
	(void)fflush(file);
	fd = dup(fileno(file));
	(void)fclose(file);
	return fd;
}

static void
lines_of_any_length_come_last_first(void **state)
{
	static const size_t sizes[] = { 0, 1, WINDOW - 2, WINDOW - 1, WINDOW,
		WINDOW + 1, 3 * WINDOW };
	size_t a, b;

	(void)state;
	for (a = 0; a < ARRAY_LEN(sizes); a++) {
		for (b = 0; b < ARRAY_LEN(sizes); b++) {
			size_t lens[] = { sizes[a], 5, sizes[b] };
			struct seen seen = { 0 };
			int fd = make_file(lens, 3, true);

			assert_int_equal(
				lines_back(fd, 1 << 24, see, &seen, NULL), 0);
			assert_int_equal(seen.n, 3);
			assert_int_equal(seen.lens[0], sizes[b]);
			assert_int_equal(seen.lens[1], 5);
			assert_int_equal(seen.firsts[1], 'b');
			assert_int_equal(seen.lens[2], sizes[a]);
			assert_false(seen.torn);
			(void)close(fd);
		}
	}
}

static void
bytes_without_a_newline_are_a_line_that_is_not_whole(void **state)
{
	static const size_t lens[] = { 3, 4 };
	struct seen seen = { 0 };
	int fd = make_file(lens, 2, false);

	(void)state;
	assert_int_equal(lines_back(fd, 100, see, &seen, NULL), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.lens[0], 4);
	assert_true(seen.torn);
	(void)close(fd);
}

static void
lines_that_began_too_far_back_are_left_out(void **state)
{
	static const size_t lens[] = { 30, 4, 4 };
	struct seen seen = { 0 };
	int fd = make_file(lens, 3, true);

	(void)state;
	assert_int_equal(lines_back(fd, 20, see, &seen, NULL), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.firsts[1], 'b');
	(void)close(fd);
}

static void
it_stops_when_told_and_takes_empty_files(void **state)
{
	static const size_t lens[] = { 1, 1, 1 };
	struct seen seen = { .stop_after = 1 }, none = { 0 };
	int fd = make_file(lens, 3, true);

	(void)state;
	assert_int_equal(lines_back(fd, 20, see, &seen, NULL), 0);
	assert_int_equal(seen.n, 1);
	(void)close(fd);
	fd = make_file(lens, 0, true);
	assert_int_equal(lines_back(fd, 20, see, &none, NULL), 0);
	assert_int_equal(none.n, 0);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_any_length_come_last_first),
		cmocka_unit_test(
			bytes_without_a_newline_are_a_line_that_is_not_whole),
		cmocka_unit_test(lines_that_began_too_far_back_are_left_out),
		cmocka_unit_test(it_stops_when_told_and_takes_empty_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
