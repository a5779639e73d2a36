/* Who may log in to which account: what may be written, and what it means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/engines/ssh/hosts/accounts.h"
#include "tests/support/in_arena.h"

static const struct value *
parse(const char *text)
{
	const struct value *accounts = NULL;
	struct err err = { 0 };

	assert_int_equal(accounts_parse(text, arena, &accounts, &err), 0);
	return accounts;
}

/* The principals of an account, with blanks between. */
static const char *
of(const struct value *accounts, const char *username)
{
	struct str_list list;
	const char *text = "";
	struct err err = { 0 };

	assert_int_equal(accounts_principals(accounts, username, "web1.example",
				 arena, &list, &err),
		0);
	for (size_t i = 0; i < list.n; i++)
		text = arena_printf(
			arena, "%s%s%s", text, i > 0 ? " " : "", list.items[i]);
	return text;
}

static void
an_account_is_named_or_falls_under_the_star(void **state)
{
	const struct value *some = parse(
		"{\"deploy\":[\"ci\",\"deploy\",\"ci\"],\"root\":[],\"*\":\"staff\"}");
	const struct value *strict = parse("{\"deploy\":[\"ci\"]}");

	(void)state;
	assert_string_equal(of(some, "deploy"), "ci deploy");
	assert_string_equal(of(some, "root"), "");
	assert_string_equal(of(some, "bob"), "staff");
	assert_string_equal(of(strict, "deploy"), "ci");
	assert_string_equal(of(strict, "bob"), "");
	assert_string_equal(of(strict, "Deploy"), "");
	assert_string_equal(of(strict, ""), "");
	assert_string_equal(of(NULL, "deploy"), "");
}

static void
templates_are_filled_once_and_make_no_odd_names(void **state)
{
	static const struct {
		const char *username, *principals;
	} rows[] = {
		{ "bob", "bob bob@web1.example on-web1.example" },
		{ "{{host}}",
			"{{host}} {{host}}@web1.example on-web1.example" },
		{ "a b", "on-web1.example" },
		{ "a,b", "on-web1.example" },
		{ "*", "on-web1.example" },
		{ "", "@web1.example on-web1.example" },
	};

	const struct value *accounts = parse(
		"{\"*\":[\"{{username}}\",\"{{username}}@{{host}}\",\"on-{{host}}\"]}");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(
			of(accounts, rows[i].username), rows[i].principals);
}

static void
what_is_no_list_of_principals_is_refused(void **state)
{
	static const char *const bad[] = { "", "x", "[]", "5", "null", "{",
		"{}x", "{\"\":[]}", "{\"a b\":[]}", "{\"a*\":[]}",
		"{\"**\":[]}", "{\"a\":[\"*\"]}", "{\"a\":[\"b?\"]}",
		"{\"a\":[\"b c\"]}", "{\"a\":[\"b,c\"]}", "{\"a\":[\"\"]}",
		"{\"a\":\"\"}", "{\"a\":[5]}", "{\"a\":5}", "{\"a\":{}}",
		"{\"a\":null}", "{\"a\":[[\"b\"]]}", "{\"a\":[\"{{name}}\"]}",
		"{\"a\":[\"{{username\"]}", "{\"a\":[\"b\\u0000\"]}",
		"{\"a\":[\"b\\n\"]}", "{\"a\":[],\"a\":[]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct value *accounts = NULL;
		struct err err = { 0 };

		assert_int_equal(accounts_parse(bad[i], arena, &accounts, &err),
			ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_null(accounts);
	}
}

/* n accounts of m principals each, as JSON. */
static const char *
many(size_t n, size_t m)
{
	const char *list = "\"p0\"";
	const char *text = "";

	for (size_t i = 1; i < m; i++)
		list = arena_printf(arena, "%s,\"p%zu\"", list, i);
	for (size_t i = 0; i < n; i++)
		text = arena_printf(arena, "%s%s\"a%zu\":[%s]", text,
			i > 0 ? "," : "", i, list);
	return arena_printf(arena, "{%s}", text);
}

static void
every_list_is_bounded(void **state)
{
	static const struct {
		size_t n, m;
		int rc;
	} rows[] = {
		{ ACCOUNTS_MAX, 1, 0 },
		{ ACCOUNTS_MAX + 1, 1, ERR_INPUT },
		{ 1, ACCOUNTS_PRINCIPALS_MAX, 0 },
		{ 1, ACCOUNTS_PRINCIPALS_MAX + 1, ERR_INPUT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct value *accounts = NULL;
		struct err err = { 0 };

		assert_int_equal(accounts_parse(many(rows[i].n, rows[i].m),
					 arena, &accounts, &err),
			rows[i].rc);
	}
}

static void
no_account_is_told_from_an_account_for_nobody(void **state)
{
	(void)state;
	assert_true(accounts_are_none(NULL));
	assert_true(accounts_are_none(parse("{}")));
	assert_false(accounts_are_none(parse("{\"*\":[]}")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_is_named_or_falls_under_the_star),
		cmocka_unit_test(
			templates_are_filled_once_and_make_no_odd_names),
		cmocka_unit_test(what_is_no_list_of_principals_is_refused),
		cmocka_unit_test(every_list_is_bounded),
		cmocka_unit_test(no_account_is_told_from_an_account_for_nobody),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
