/* The file that says which role signs for which host. */
#include "client/agent_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static struct agent_map map;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(1024 * 1024);
	return arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static int
read_text(const char *text)
{
	err_clear(&err);
	return agent_map_read(span_str(text), arena, &map, &err);
}

static void
assert_place(const struct agent_place *place, const char *patterns,
	const char *role, const char *mount_point, const char *principals)
{
	assert_string_equal(place->patterns, patterns);
	assert_string_equal(place->role, role);
	assert_string_equal(place->mount_point, mount_point);
	assert_string_equal(place->valid_principals, principals);
}

static void
an_empty_map_has_no_destination(void **state)
{
	(void)state;
	assert_int_equal(read_text(""), 0);
	assert_int_equal(map.n_places, 0);
	assert_place(&map.otherwise, "*", "", "ssh", "");
	assert_int_equal(map.known_hosts.n, 2);
	assert_string_equal(map.known_hosts.items[0], "~/.ssh/known_hosts");
}

static void
destinations_stand_in_their_order(void **state)
{
	(void)state;
	assert_int_equal(read_text("destination \"b,*.c\" { role = \"one\" }\n"
				   "role = \"dev\"\n"
				   "destination \"a\" {\n"
				   "  role = \"two\"\n"
				   "  mount_point = \"prod\"\n"
				   "  valid_principals = \"x,y\"\n"
				   "}\n"
				   "mount_point = \"ssh-dev\"\n"
				   "valid_principals = \"me\"\n"
				   "known_hosts = [\"/k\"]\n"),
		0);
	assert_int_equal(map.n_places, 2);
	assert_place(&map.places[0], "b,*.c", "one", "ssh-dev", "");
	assert_place(&map.places[1], "a", "two", "prod", "x,y");
	assert_place(&map.otherwise, "*", "dev", "ssh-dev", "me");
	assert_int_equal(map.known_hosts.n, 1);
	assert_string_equal(map.known_hosts.items[0], "/k");
}

static void
what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "rol = \"x\"",
			"invalid key \"rol\" on line 1; did you mean \"role\"?" },
		{ "\ndestination \"a\" { rolle = \"x\" }",
			"invalid key \"rolle\" on line 2, did you mean \"role\"?" },
		{ "destination \"a\" { mount_point = \"x\" }",
			"line 1: the destination \"a\" names no role" },
		{ "destination { role = \"x\" }",
			"line 1: a destination is written destination \"HOST,*.DOMAIN\" { role = \"…\" }" },
		{ "destination = \"a\"",
			"line 1: a destination is written destination \"HOST,*.DOMAIN\" { role = \"…\" }" },
		{ "role = ", NULL },
		{ "role = []", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(read_text(cases[i].text), ERR_INPUT);
		if (cases[i].message != NULL)
			assert_string_equal(err.message, cases[i].message);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_no_destination),
		cmocka_unit_test(destinations_stand_in_their_order),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
