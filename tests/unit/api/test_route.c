/* Paths to rows: literals, captures, the rest, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/api/route.h"
#include "tests/support/in_arena.h"

#define ROW(pattern, what, bits)                                               \
	{                                                                      \
		.path = pattern, .verb = what, .flags = bits,                  \
		.summary = pattern                                             \
	}

static const struct op first_ops[] = {
	ROW("roles", OP_LIST, 0),
	ROW("roles/:role", OP_READ, 0),
	ROW("roles/:role", OP_UPDATE, 0),
	ROW("verify", OP_UPDATE, OP_UNAUTHENTICATED),
	ROW("issuers/import", OP_UPDATE, 0),
	ROW("issuers/:name", OP_READ, 0),
	ROW("issuers/:name/keys/:key", OP_READ, 0),
	OP_END,
};

static const struct op second_ops[] = {
	ROW("mounts", OP_READ, 0),
	ROW("mounts/:path", OP_UPDATE, OP_REST),
	ROW("mounts/:path", OP_DELETE, OP_REST),
	ROW("mounts/:path/tune", OP_READ, OP_REST),
	ROW("leases/lookup", OP_UPDATE, 0),
	ROW("leases/lookup", OP_LIST, 0),
	ROW("leases/lookup/:prefix", OP_LIST, OP_REST),
	OP_END,
};

static const struct op *const tables[] = { first_ops, second_ops, NULL };

static const struct mount_type type = {
	.name = "test", .description = "test", .tables = tables
};

struct found {
	struct route route;
	enum route_result result;
};

static struct found
find(const char *path, enum op_verb verb)
{
	struct found found = { .result = ROUTE_NO_MOUNT };

	assert_int_equal(router_find(router_of(&type), path, verb, arena,
				 &found.route, &found.result, NULL),
		0);
	return found;
}

static void
assert_row(const char *path, enum op_verb verb, const char *pattern)
{
	struct found found = find(path, verb);

	assert_int_equal(found.result, ROUTE_FOUND);
	assert_string_equal(found.route.op->path, pattern);
	assert_int_equal(found.route.op->verb, verb);
}

static void
a_type_is_compiled_once(void **state)
{
	(void)state;
	assert_non_null(router_of(&type));
	assert_ptr_equal(router_of(&type), router_of(&type));
}

static void
literals_go_before_captures(void **state)
{
	(void)state;
	assert_row("issuers/import", OP_UPDATE, "issuers/import");
	assert_row("issuers/import", OP_READ, "issuers/:name");
	assert_row("issuers/other", OP_READ, "issuers/:name");
}

static void
captures_are_named_and_copied(void **state)
{
	struct found found = find("issuers/a-b/keys/c.d@e", OP_READ);

	(void)state;
	assert_int_equal(found.result, ROUTE_FOUND);
	assert_int_equal(found.route.n_captures, 2);
	assert_string_equal(found.route.captures[0].name, "name");
	assert_string_equal(found.route.captures[0].value, "a-b");
	assert_string_equal(found.route.captures[1].name, "key");
	assert_string_equal(found.route.captures[1].value, "c.d@e");
}

static void
names_begin_and_end_with_a_word_character(void **state)
{
	static const char *const bad[] = { "roles/-a", "roles/a-", "roles/.a",
		"roles/a.", "roles/a b", "roles/a,b", "roles/\xc3\xa4",
		"roles/a/b", "roles/@" };
	static const char *const good[] = { "roles/a", "roles/_", "roles/9",
		"roles/a-b.c@d_e" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(find(bad[i], OP_READ).result, ROUTE_NO_PATH);
	for (i = 0; i < ARRAY_LEN(good); i++)
		assert_row(good[i], OP_READ, "roles/:role");
}

static void
two_dots_in_a_name_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(find("roles/a..b", OP_READ).result, ROUTE_BAD_NAME);
	assert_row("roles/a.b", OP_READ, "roles/:role");
}

static void
a_path_without_the_verb_says_which_verbs_it_has(void **state)
{
	struct found found = find("roles/a", OP_DELETE);

	(void)state;
	assert_int_equal(found.result, ROUTE_NO_VERB);
	assert_non_null(found.route.all[OP_READ]);
	assert_non_null(found.route.all[OP_UPDATE]);
	assert_null(found.route.all[OP_DELETE]);
}

static void
listing_what_nobody_lists_is_no_path(void **state)
{
	struct found found = find("verify/", OP_LIST);

	(void)state;
	assert_int_equal(found.result, ROUTE_NO_PATH);
	assert_null(found.route.op);
	assert_row("roles/", OP_LIST, "roles");
	assert_row("roles", OP_LIST, "roles");
}

static void
reading_a_list_path_is_no_verb(void **state)
{
	(void)state;
	assert_int_equal(find("roles", OP_READ).result, ROUTE_NO_VERB);
	assert_int_equal(find("roles/", OP_READ).result, ROUTE_NO_VERB);
}

static void
a_slash_behind_a_name_is_another_path(void **state)
{
	(void)state;
	assert_int_equal(find("roles/a/", OP_READ).result, ROUTE_NO_PATH);
	assert_int_equal(find("verify/", OP_READ).result, ROUTE_NO_PATH);
}

static void
the_rest_takes_slashes(void **state)
{
	struct found found = find("mounts/a/b/c", OP_UPDATE);

	(void)state;
	assert_int_equal(found.result, ROUTE_FOUND);
	assert_string_equal(found.route.captures[0].value, "a/b/c");
	found = find("mounts/a/", OP_DELETE);
	assert_int_equal(found.result, ROUTE_FOUND);
	assert_string_equal(found.route.captures[0].value, "a");
	assert_int_equal(find("mounts/", OP_UPDATE).result, ROUTE_NO_PATH);
	assert_int_equal(find("mounts", OP_UPDATE).result, ROUTE_NO_VERB);
}

static void
the_rest_stops_at_its_tail(void **state)
{
	struct found found = find("mounts/a/b/tune", OP_READ);

	(void)state;
	assert_int_equal(found.result, ROUTE_FOUND);
	assert_string_equal(found.route.op->path, "mounts/:path/tune");
	assert_string_equal(found.route.captures[0].value, "a/b");
	assert_row("mounts/tune", OP_UPDATE, "mounts/:path");
	/* The tail's row has no delete, the plain one has. */
	assert_row("mounts/a/tune", OP_DELETE, "mounts/:path");
}

static void
a_list_prefix_loses_its_slash(void **state)
{
	struct found found = find("leases/lookup/ssh/creds/", OP_LIST);

	(void)state;
	assert_int_equal(found.result, ROUTE_FOUND);
	assert_string_equal(found.route.captures[0].value, "ssh/creds");
	assert_row("leases/lookup/", OP_LIST, "leases/lookup");
}

static void
help_finds_any_row_of_a_path(void **state)
{
	const struct router *router = router_of(&type);

	(void)state;
	assert_string_equal(router_any(router, "verify")->path, "verify");
	assert_int_equal(router_any(router, "roles/x")->verb, OP_READ);
	assert_null(router_any(router, "nothing"));
	assert_null(router_any(router, ""));
}

static void
patterns_print_as_regular_expressions(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 1024);
	route_regexp(&first_ops[1], &buf);
	assert_string_equal(
		buf_str(&buf), "^roles/(?P<role>\\w(([\\w-.@]+)?\\w)?)$");
	buf_reset(&buf);
	route_regexp(&second_ops[3], &buf);
	assert_string_equal(buf_str(&buf), "^mounts/(?P<path>.+)/tune$");
	buf_clear(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_type_is_compiled_once),
		cmocka_unit_test(literals_go_before_captures),
		cmocka_unit_test(captures_are_named_and_copied),
		cmocka_unit_test(names_begin_and_end_with_a_word_character),
		cmocka_unit_test(two_dots_in_a_name_are_told_apart),
		cmocka_unit_test(
			a_path_without_the_verb_says_which_verbs_it_has),
		cmocka_unit_test(listing_what_nobody_lists_is_no_path),
		cmocka_unit_test(reading_a_list_path_is_no_verb),
		cmocka_unit_test(a_slash_behind_a_name_is_another_path),
		cmocka_unit_test(the_rest_takes_slashes),
		cmocka_unit_test(the_rest_stops_at_its_tail),
		cmocka_unit_test(a_list_prefix_loses_its_slash),
		cmocka_unit_test(help_finds_any_row_of_a_path),
		cmocka_unit_test(patterns_print_as_regular_expressions),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
