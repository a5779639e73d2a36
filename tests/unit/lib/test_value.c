/* Value trees: building, finding, copying, sorting. */
#include "lib/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/jsonw.h"
#include "tests/support/in_arena.h"

static void
assert_json(const struct value *value, const char *want)
{
	struct buf buf;

	buf_init(&buf, 10000);
	jsonw_value(&buf, value, 0);
	assert_string_equal(buf_str(&buf), want);
	buf_clear(&buf);
}

static void
set_replaces_in_place(void **state)
{
	struct value *object = value_object(arena);

	(void)state;
	assert_true(value_set_int(arena, object, "a", 1));
	assert_true(value_set_str(arena, object, "b", "x"));
	assert_true(value_set_bool(arena, object, "c", true));
	assert_true(value_set_int(arena, object, "a", 2));
	assert_json(object, "{\"a\":2,\"b\":\"x\",\"c\":true}");
	/* The last member too, and what is added then comes behind it. */
	assert_true(value_set(arena, object, "c", value_null(arena)));
	assert_true(value_set_int(arena, object, "d", 4));
	assert_json(object, "{\"a\":2,\"b\":\"x\",\"c\":null,\"d\":4}");
	assert_int_equal(object->n, 4);
}

static void
append_keeps_repeated_names(void **state)
{
	struct value *object = value_object(arena);

	(void)state;
	assert_true(value_append(arena, object, "a", value_int(arena, 1)));
	assert_true(value_append(arena, object, "a", value_int(arena, 2)));
	assert_json(object, "{\"a\":1,\"a\":2}");
	assert_int_equal(value_find_int(object, "a", 0), 1);
}

static void
chains_carry_a_missing_pointer(void **state)
{
	struct value *list = value_list(arena);

	(void)state;
	assert_false(value_add(list, NULL));
	assert_false(value_add(NULL, value_null(arena)));
	assert_false(value_set(arena, NULL, "a", value_null(arena)));
	assert_false(value_set(arena, value_object(arena), "a", NULL));
	assert_false(value_append(arena, value_object(arena), "a", NULL));
	assert_int_equal(list->n, 0);
}

/* What came over the network may be of any type (a text has no children). */
static void
other_types_have_no_children_and_no_text(void **state)
{
	static const char text[] = "bytes that would be read as a child of it";
	struct value *list = value_list(arena);
	const struct value *others[] = { NULL, value_null(arena),
		value_bool(arena, true), value_int(arena, 7),
		value_number(arena, span_str("77777777")), list };

	(void)state;
	assert_true(value_add(list, value_string(arena, text)));
	assert_ptr_equal(value_first(list), list->first);
	assert_null(value_first(list->first));
	VALUE_EACH (child, list->first)
		fail();
	assert_string_equal(value_str(list->first, ""), text);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_string_equal(value_str(others[i], "none"), "none");
		if (others[i] == list)
			continue;
		assert_null(value_first(others[i]));
		assert_false(value_add((struct value *)(uintptr_t)others[i],
			value_null(arena)));
		assert_false(
			value_set(arena, (struct value *)(uintptr_t)others[i],
				"a", value_null(arena)));
	}
	assert_null(value_first(value_object(arena)));
	assert_null(value_copy(arena, NULL));
}

static void
find_falls_back_on_other_types(void **state)
{
	struct value *object = value_object(arena);

	(void)state;
	value_set_str(arena, object, "s", "text");
	value_set_int(arena, object, "i", -7);
	value_set_bool(arena, object, "b", true);
	value_set(arena, object, "n",
		value_number(arena, span_str("9223372036854775807")));
	value_set(arena, object, "r", value_number(arena, span_str("1.5")));
	assert_string_equal(value_find_str(object, "s", "-"), "text");
	assert_string_equal(value_find_str(object, "i", "-"), "-");
	assert_string_equal(value_find_str(object, "none", "-"), "-");
	assert_int_equal(value_find_int(object, "i", 0), -7);
	assert_true(value_find_int(object, "n", 0) == INT64_MAX);
	assert_int_equal(value_find_int(object, "r", 3), 3);
	assert_int_equal(value_find_int(object, "s", 3), 3);
	assert_true(value_find_bool(object, "b", false));
	assert_false(value_find_bool(object, "s", false));
	assert_null(value_find(NULL, "a"));
	assert_null(value_find(value_list(arena), "a"));
	assert_null(value_find(value_string(arena, "x"), "a"));
}

static void
text_is_that_of_strings_and_numbers(void **state)
{
	struct value *value = value_span(arena, span_of("a\0b", 3));

	(void)state;
	assert_int_equal(value_text(value).len, 3);
	assert_int_equal(value->str[3], '\0');
	assert_int_equal(value_text(value_int(arena, 5)).len, 0);
	assert_int_equal(value_text(NULL).len, 0);
}

static void
a_copy_outlives_its_source(void **state)
{
	struct arena *source = arena_new(10000);
	struct value *object = value_object(source), *copy = NULL;
	struct value *list = value_list(source);

	(void)state;
	value_add(list, value_string(source, "x"));
	value_add(list, value_bool(source, true));
	value_set(source, object, "list", list);
	value_set_int(source, object, "n", 5);
	object->line = 42;
	copy = value_copy(arena, object);
	arena_free(&source);
	assert_json(copy, "{\"list\":[\"x\",true],\"n\":5}");
	assert_int_equal(copy->line, 42);
	assert_true(value_set_int(arena, copy, "more", 1));
	assert_json(copy, "{\"list\":[\"x\",true],\"n\":5,\"more\":1}");
}

static void
a_copy_that_does_not_fit_is_none(void **state)
{
	struct value *list = value_list(arena);
	struct arena *small = arena_new(200);
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		value_add(list, value_int(arena, i));
	assert_null(value_copy(small, list));
	arena_free(&small);
}

static void
sorting_is_bytewise_and_stable(void **state)
{
	static const char *const names[] = { "b", "a", "\xc3\xa4", "B", "a", "",
		"ab", "b" };
	struct value *object = value_object(arena);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++)
		value_append(
			arena, object, names[i], value_int(arena, (int64_t)i));
	value_sort(object);
	assert_json(object,
		"{\"\":5,\"B\":3,\"a\":1,\"a\":4,\"ab\":6,\"b\":0,\"b\":7,"
		"\"\xc3\xa4\":2}");
	value_append(arena, object, "z", value_null(arena));
	assert_string_equal(object->last->key, "z");
	value_sort(value_list(arena));
	value_sort(NULL);
}

static void
every_size_is_sorted(void **state)
{
	size_t size, i;

	(void)state;
	for (size = 0; size < 70; size++) {
		struct value *object = value_object(arena);
		char previous[16] = "";
		size_t n = 0;

		for (i = 0; i < size; i++)
			value_append(arena, object,
				arena_printf(arena, "%03zu", i * 37 % 101),
				value_null(arena));
		value_sort(object);
		VALUE_EACH (member, object) {
			assert_true(strcmp(previous, member->key) < 0);
			(void)snprintf(
				previous, sizeof(previous), "%s", member->key);
			n++;
		}
		assert_int_equal(n, size);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_replaces_in_place),
		cmocka_unit_test(append_keeps_repeated_names),
		cmocka_unit_test(chains_carry_a_missing_pointer),
		cmocka_unit_test(other_types_have_no_children_and_no_text),
		cmocka_unit_test(find_falls_back_on_other_types),
		cmocka_unit_test(text_is_that_of_strings_and_numbers),
		cmocka_unit_test(a_copy_outlives_its_source),
		cmocka_unit_test(a_copy_that_does_not_fit_is_none),
		cmocka_unit_test(sorting_is_bytewise_and_stable),
		cmocka_unit_test(every_size_is_sorted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
