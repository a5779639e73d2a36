/* Lists of strings: found, added once, dropped, sorted, copied. */
#include "lib/str_list.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void
a_text_is_found_whole(void **state)
{
	const char *items[] = { "web", "db" };
	const struct str_list list = { items, 2 }, none = { .n = 0 };

	(void)state;
	assert_true(str_list_has(&list, "db"));
	assert_false(str_list_has(&list, "d"));
	assert_false(str_list_has(&list, "dbs"));
	assert_false(str_list_has(&none, ""));
}

/* Who shares the array sees nothing of it. */
static void
a_text_is_added_once_to_an_array_of_its_own(void **state)
{
	const char *items[] = { "web", "untouched" };
	struct str_list list = { items, 1 };

	(void)state;
	assert_true(str_list_add(arena, &list, "web"));
	assert_int_equal(list.n, 1);
	assert_ptr_equal(list.items, items);
	assert_true(str_list_add(arena, &list, "db"));
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0], "web");
	assert_string_equal(list.items[1], "db");
	assert_string_equal(items[1], "untouched");
}

static void
an_empty_list_takes_its_first_text(void **state)
{
	struct str_list list = { .n = 0 };

	(void)state;
	assert_true(str_list_add(arena, &list, "web"));
	assert_int_equal(list.n, 1);
	assert_string_equal(list.items[0], "web");
}

static void
a_dropped_text_leaves_the_others_in_order(void **state)
{
	const char *items[] = { "a", "b", "a", "c" };
	struct str_list list = { items, 4 };

	(void)state;
	str_list_drop(&list, "x");
	assert_int_equal(list.n, 4);
	str_list_drop(&list, "a");
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0], "b");
	assert_string_equal(list.items[1], "c");
}

static void
a_sorted_list_has_each_text_once(void **state)
{
	const char *items[] = { "b", "a", "c", "a", "b" };
	struct str_list list = { items, 5 }, none = { .n = 0 };

	(void)state;
	str_list_sort(&list);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.items[0], "a");
	assert_string_equal(list.items[1], "b");
	assert_string_equal(list.items[2], "c");
	str_list_sort(&none);
	assert_int_equal(none.n, 0);
}

static void
a_copy_outlives_what_it_was_made_of(void **state)
{
	char text[] = "web";
	const char *items[] = { text };
	struct str_list list = { items, 1 }, copy = { .n = 0 };

	(void)state;
	assert_true(str_list_dup(arena, &list, &copy));
	text[0] = 'x';
	items[0] = NULL;
	assert_int_equal(copy.n, 1);
	assert_string_equal(copy.items[0], "web");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_found_whole),
		cmocka_unit_test(a_text_is_added_once_to_an_array_of_its_own),
		cmocka_unit_test(an_empty_list_takes_its_first_text),
		cmocka_unit_test(a_dropped_text_leaves_the_others_in_order),
		cmocka_unit_test(a_sorted_list_has_each_text_once),
		cmocka_unit_test(a_copy_outlives_what_it_was_made_of),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
