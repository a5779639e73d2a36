/* How a failure is recorded. */
#include "lib/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
the_first_failure_wins(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		err_set(&err, ERR_INPUT, 400, "bad %s", "ttl"), ERR_INPUT);
	assert_int_equal(err_set(&err, ERR_DENIED, 403, "denied"), ERR_DENIED);
	assert_int_equal(err.code, ERR_INPUT);
	assert_int_equal(err.status, 400);
	assert_string_equal(err.message, "bad ttl");
	err_clear(&err);
	assert_int_equal(err.code, 0);
	assert_int_equal(err_set_memory(&err), ERR_MEMORY);
	assert_string_equal(err.message, "out of memory");
}

static void
nobody_needs_to_listen(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_FULL, 503, "x"), ERR_FULL);
	assert_int_equal(err_set_errno(NULL, "open"), ERR_SYSTEM);
	assert_int_equal(err_set_memory(NULL), ERR_MEMORY);
	assert_int_equal(err_wrap(NULL, "x"), ERR_INTERNAL);
}

static void
a_system_call_shows_in_detail_alone(void **state)
{
	struct err err = { 0 };

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_set_errno(&err, "open /etc/x"), ERR_SYSTEM);
	assert_int_equal(err.status, 500);
	assert_string_equal(err.message, "internal error");
	assert_string_equal(
		err.detail, "open /etc/x: No such file or directory");
}

static void
wrapping_adds_to_detail_in_front(void **state)
{
	struct err err = { 0 };

	(void)state;
	err_set(&err, ERR_STORAGE, 500, "storage unavailable");
	assert_int_equal(err_wrap(&err, "inner %d", 1), ERR_STORAGE);
	assert_string_equal(err.detail, "inner 1");
	assert_int_equal(err_wrap(&err, "outer"), ERR_STORAGE);
	assert_string_equal(err.detail, "outer: inner 1");
	assert_string_equal(err.message, "storage unavailable");
}

static void
long_texts_are_cut(void **state)
{
	char longest[3000];
	struct err err = { 0 };

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	err_set(&err, ERR_INPUT, 400, "%s", longest);
	assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
	err_wrap(&err, "%s", longest);
	err_wrap(&err, "front");
	assert_int_equal(strlen(err.detail), ERR_DETAIL_MAX - 1);
	assert_memory_equal(err.detail, "front: xxx", 10);
	err_wrap(&err, "%s", longest);
	assert_int_equal(strlen(err.detail), ERR_DETAIL_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_failure_wins),
		cmocka_unit_test(nobody_needs_to_listen),
		cmocka_unit_test(a_system_call_shows_in_detail_alone),
		cmocka_unit_test(wrapping_adds_to_detail_in_front),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
