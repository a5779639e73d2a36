/* The count of failed logins that each name has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/api/lockout.h"

#define MOUNT "11111111-1111-4111-8111-111111111111"
#define MOUNT_2 "22222222-2222-4222-8222-222222222222"
#define START_S INT64_C(1800000000)

static bool
miss(struct lockout *lockout, const char *name, int64_t now_s)
{
	return lockout_count(lockout, MOUNT, name, now_s);
}

static bool
is_locked_at(struct lockout *lockout, const char *mount, const char *name,
	int64_t now_s)
{
	return lockout_is_locked(lockout, mount, name, now_s);
}

static void
lock(struct lockout *lockout, const char *name, int64_t now_s)
{
	for (int i = 0; i < LOCKOUT_FAILURES; i++)
		assert_int_equal(
			miss(lockout, name, now_s), i == LOCKOUT_FAILURES - 1);
}

static void
the_fifth_failure_locks_for_a_while(void **state)
{
	static struct lockout lockout = LOCKOUT_INIT;
	const int64_t end_s = START_S + LOCKOUT_LOCKED_S;

	(void)state;
	assert_false(is_locked_at(&lockout, MOUNT, "bob", START_S));
	lock(&lockout, "bob", START_S);
	assert_true(is_locked_at(&lockout, MOUNT, "bob", START_S));
	assert_true(is_locked_at(&lockout, MOUNT, "bob", end_s - 1));
	assert_false(is_locked_at(&lockout, MOUNT, "bob", end_s));
	/* Afterwards it has as many tries as at first. */
	lock(&lockout, "bob", end_s);
	assert_true(is_locked_at(&lockout, MOUNT, "bob", end_s));
}

static void
names_and_mounts_are_counted_apart(void **state)
{
	static struct lockout lockout = LOCKOUT_INIT;

	(void)state;
	lock(&lockout, "bob", START_S);
	assert_false(is_locked_at(&lockout, MOUNT, "bo", START_S));
	assert_false(is_locked_at(&lockout, MOUNT, "bobb", START_S));
	assert_false(is_locked_at(&lockout, MOUNT_2, "bob", START_S));
}

static void
failures_far_apart_are_forgotten(void **state)
{
	static struct lockout lockout = LOCKOUT_INIT;
	int64_t now_s = START_S;

	(void)state;
	for (int i = 0; i < 4 * LOCKOUT_FAILURES; i++) {
		assert_false(miss(&lockout, "bob", now_s));
		now_s += LOCKOUT_FORGOTTEN_S;
	}
	/* Each one counts as long as another follows in time. */
	now_s = START_S * 2;
	for (int i = 0; i < LOCKOUT_FAILURES; i++) {
		(void)miss(&lockout, "eve", now_s);
		now_s += LOCKOUT_FORGOTTEN_S - 1;
	}
	assert_true(is_locked_at(
		&lockout, MOUNT, "eve", now_s - LOCKOUT_FORGOTTEN_S + 1));
}

static void
a_name_that_is_forgotten_starts_again(void **state)
{
	static struct lockout lockout = LOCKOUT_INIT;

	(void)state;
	lock(&lockout, "bob", START_S);
	lockout_forget(&lockout, MOUNT, "bob");
	assert_false(is_locked_at(&lockout, MOUNT, "bob", START_S));
	lock(&lockout, "bob", START_S);
	/* One that was never counted is fine. */
	lockout_forget(&lockout, MOUNT_2, "bob");
	assert_true(is_locked_at(&lockout, MOUNT, "bob", START_S));
}

/*
 * More names than there are places: those in between are pushed out, not the
 * locked one, whose set would have to be full of locked ones.
 */
static void
a_flood_of_names_unlocks_nobody(void **state)
{
	static struct lockout lockout = LOCKOUT_INIT;
	char name[32];

	(void)state;
	lock(&lockout, "bob", START_S);
	for (int i = 0; i < 4 * LOCKOUT_SETS * LOCKOUT_SET; i++) {
		(void)snprintf(name, sizeof(name), "name%d", i);
		(void)miss(&lockout, name, START_S + 1);
	}
	assert_true(is_locked_at(&lockout, MOUNT, "bob", START_S + 1));
	/* The last of the flood is counted like any other. */
	for (int i = 1; i < LOCKOUT_FAILURES; i++)
		(void)miss(&lockout, name, START_S + 1);
	assert_true(is_locked_at(&lockout, MOUNT, name, START_S + 1));
}

struct seen {
	char text[256];
};

static int
note(void *ctx, const char *mount, const char *name, struct err *err)
{
	struct seen *seen = ctx;
	const size_t len = strlen(seen->text);

	(void)err;
	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%.4s %s\n",
		mount, name);
	return 0;
}

static void
only_the_locked_are_shown(void **state)
{
	static struct lockout lockout = LOCKOUT_INIT;
	struct seen seen = { "" };
	struct err err = { 0 };
	char longest[LOCKOUT_NAME_MAX + 1];

	(void)state;
	lock(&lockout, "bob", START_S);
	(void)miss(&lockout, "eve", START_S);
	assert_int_equal(lockout_each(&lockout, START_S, note, &seen, &err), 0);
	assert_string_equal(seen.text, "1111 bob\n");
	seen.text[0] = '\0';
	assert_int_equal(lockout_each(&lockout, START_S + LOCKOUT_LOCKED_S,
				 note, &seen, &err),
		0);
	assert_string_equal(seen.text, "");
	/* A name that is too long to keep is never shown cut. */
	lockout_forget(&lockout, MOUNT, "bob");
	memset(longest, 'a', LOCKOUT_NAME_MAX);
	longest[LOCKOUT_NAME_MAX] = '\0';
	lock(&lockout, longest, START_S);
	assert_int_equal(lockout_each(&lockout, START_S, note, &seen, &err), 0);
	assert_string_equal(seen.text, "1111 \n");
	lockout_forget(&lockout, MOUNT, longest);
	assert_false(is_locked_at(&lockout, MOUNT, longest, START_S));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fifth_failure_locks_for_a_while),
		cmocka_unit_test(names_and_mounts_are_counted_apart),
		cmocka_unit_test(failures_far_apart_are_forgotten),
		cmocka_unit_test(a_name_that_is_forgotten_starts_again),
		cmocka_unit_test(a_flood_of_names_unlocks_nobody),
		cmocka_unit_test(only_the_locked_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
