/* What the methods take, before the server is asked. */
#include "client/login_methods.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"

static struct cli cli;

static int
setup(void **state)
{
	(void)state;
	json_setup();
	cli = (struct cli){ .arena = arena_new(1024 * 1024) };
	return cli.arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&cli.arena);
	return 0;
}

static void
settings_are_checked_before_anything_is_sent(void **state)
{
	static const struct {
		const char *method, *words, *message;
	} rows[] = {
		{ "userpass", "{}", "'username' must be specified" },
		{ "userpass", "{\"username\":\"\"}",
			"'username' must be specified" },
		{ "userpass", "{\"username\":[\"a\",\"b\"]}",
			"'username' must be one value" },
		{ "userpass", "{\"username\":\"a\",\"passcode\":\"1\"}",
			"method userpass has no setting 'passcode'" },
		{ "userpass", "{\"username\":\"a\"}",
			"file descriptor 0 is not a terminal" },
		{ "approle", "{\"secret_id\":\"x\"}",
			"'role_id' must be specified" },
		{ "approle", "{\"role_id\":\" \\n\"}",
			"'role_id' must be specified" },
		{ "jwt", "{\"role\":\"x\",\"jwt\":\"\\n\"}",
			"'jwt' must be specified" },
		{ "kubernetes", "{\"jwt\":\"x\"}", "'role' must be specified" },
		{ "cert", "{\"nmae\":\"x\"}",
			"method cert has no setting 'nmae'" },
		{ "token", "{\"token\":\"x\",\"lookup\":\"no\"}",
			"'lookup' must be true or false" },
		{ "token", "{\"token\":\" \"}", "'token' must be specified" },
	};

	(void)state;
	assert_non_null(freopen("/dev/null", "r", stdin));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct login_method *method =
			login_method_find(rows[i].method);
		struct value *words = NULL;
		struct err err = { 0 };

		assert_non_null(method);
		assert_int_equal(
			json_parse(span_str(rows[i].words),
				&json_limits_trusted, cli.arena, &words, NULL),
			0);
		assert_int_not_equal(
			login_method_run(&cli, method, "", words, &err), 0);
		assert_string_equal(err.message, rows[i].message);
		assert_null(cli.client);
	}
}

static void
a_token_that_is_not_looked_up_is_the_answer(void **state)
{
	struct value *words = value_object(cli.arena);
	struct err err = { 0 };

	(void)state;
	assert_true(value_set_str(cli.arena, words, "token", " s.abc\n"));
	assert_true(value_set_bool(cli.arena, words, "lookup", false));
	assert_int_equal(login_method_run(&cli, login_method_find("token"), "",
				 words, &err),
		0);
	assert_string_equal(value_find_str(value_find(cli.answer.json, "auth"),
				    "client_token", NULL),
		"s.abc");
}

static void
what_is_no_method_is_not_found(void **state)
{
	(void)state;
	assert_null(login_method_find("ldap"));
	assert_null(login_method_find(""));
	assert_null(login_method_find("userpas"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_checked_before_anything_is_sent),
		cmocka_unit_test(a_token_that_is_not_looked_up_is_the_answer),
		cmocka_unit_test(what_is_no_method_is_not_found),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
