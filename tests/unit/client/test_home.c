/* Paths below $HOME, as a shell would have made them. */
#include "client/home.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static int
fresh(void **state)
{
	(void)state;
	arena = arena_new(65536);
	(void)setenv("HOME", "/home/ann", 1);
	return 0;
}

static int
done(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void
a_tilde_in_front_is_the_home(void **state)
{
	(void)state;
	assert_string_equal(home_expand(arena, "~"), "/home/ann");
	assert_string_equal(home_expand(arena, "~/"), "/home/ann/");
	assert_string_equal(
		home_expand(arena, "~/.ssh/id.pub"), "/home/ann/.ssh/id.pub");
	assert_string_equal(home_path(arena, ".vault"), "/home/ann/.vault");
}

static void
any_other_path_stays(void **state)
{
	static const char *const paths[] = { "", "/", "/etc/~/x", "x~", "x/~/y",
		"~bob", "~bob/x", "~~/x", " ~/x", "./~/x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_ptr_equal(home_expand(arena, paths[i]), paths[i]);
}

static void
without_a_home_all_paths_stay(void **state)
{
	(void)state;
	(void)unsetenv("HOME");
	assert_string_equal(home_expand(arena, "~"), "~");
	assert_string_equal(home_expand(arena, "~/x"), "~/x");
	assert_null(home_path(arena, ".vault"));
}

static void
without_memory_a_path_stays(void **state)
{
	struct arena *small = arena_new(4);

	(void)state;
	assert_string_equal(home_expand(small, "~/x"), "~/x");
	assert_null(home_path(small, ".vault"));
	arena_free(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_tilde_in_front_is_the_home, fresh, done),
		cmocka_unit_test_setup_teardown(
			any_other_path_stays, fresh, done),
		cmocka_unit_test_setup_teardown(
			without_a_home_all_paths_stay, fresh, done),
		cmocka_unit_test_setup_teardown(
			without_memory_a_path_stays, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
