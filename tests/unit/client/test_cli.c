/* Paths, tokens and failures of one run of the command line. */
#include "client/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/json.h"

static struct cli cli;
static struct err err;

static int
fresh(void **state)
{
	static const char *const names[] = { "SALLYPORT_TOKEN", "VAULT_TOKEN",
		"VAULT_CLIENT_TIMEOUT", "VAULT_MAX_RETRIES" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unsetenv(names[i]);
	(void)setenv("HOME", "/nonexistent", 1);
	err_clear(&err);
	cli = (struct cli){ .arena = arena_new(1024 * 1024) };
	cli.options = (struct cli_options){ .address = "http://127.0.0.1:1",
		.agent_address = "",
		.ca_cert = "",
		.ca_path = "",
		.client_cert = "",
		.client_key = "",
		.tls_server_name = "",
		.namespace = "" };
	return cli.arena == NULL;
}

static int
done(void **state)
{
	(void)state;
	apiclient_free(&cli.client);
	arena_free(&cli.arena);
	return 0;
}

static void
paths_lose_blanks_and_slashes_at_their_ends(void **state)
{
	static const struct {
		const char *typed, *clean;
	} rows[] = { { "ssh", "ssh" }, { "/ssh/", "ssh" },
		{ " \t//ssh/creds/otp// ", "ssh/creds/otp" },
		{ "a b/c", "a b/c" }, { "a//b", "a//b" }, { "", "" },
		{ "///", "" }, { " ", "" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *typed = rows[i].typed;
		const char *clean = rows[i].clean;

		assert_string_equal(cli_clean_path(&cli, typed), clean);
		assert_string_equal(cli_with_slash(&cli, typed),
			arena_printf(cli.arena, "%s/", clean));
		assert_string_equal(cli_path(&cli, "sys/mounts/", typed),
			arena_printf(cli.arena, "sys/mounts/%s", clean));
	}
}

static void
our_own_variable_comes_first(void **state)
{
	(void)state;
	(void)setenv("VAULT_TOKEN", "s.theirs", 1);
	assert_int_equal(cli_load_token(&cli, &err), 0);
	assert_memory_equal(cli.token.data, "s.theirs", cli.token.len);
	(void)setenv("SALLYPORT_TOKEN", "s.ours", 1);
	/* Read once for all calls of a run. */
	assert_int_equal(cli_load_token(&cli, &err), 0);
	assert_int_equal(cli.token.len, strlen("s.theirs"));
	cli.token_read = false;
	assert_int_equal(cli_load_token(&cli, &err), 0);
	assert_memory_equal(cli.token.data, "s.ours", cli.token.len);
}

static void
a_token_that_no_header_can_carry_is_refused(void **state)
{
	static const char *const bad[] = { "s.a\nX-Evil: 1", "s.a b", "s.\x7f",
		"s.\xc3\xa9", "\t" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)setenv("VAULT_TOKEN", bad[i], 1);
		assert_int_equal(cli_load_token(&cli, &err), ERR_INPUT);
		assert_non_null(strstr(err.message, "non-printable"));
		assert_null(strstr(err.message, bad[i]));
		assert_false(cli_call(&cli, "GET", "x", NULL, &err));
	}
}

static void
no_token_at_all_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(cli_load_token(&cli, &err), 0);
	assert_int_equal(cli.token.len, 0);
}

static void
variables_that_are_no_numbers_are_named(void **state)
{
	static const struct {
		const char *name, *value, *text;
	} rows[] = {
		{ "VAULT_CLIENT_TIMEOUT", "soon", "VAULT_CLIENT_TIMEOUT" },
		{ "VAULT_CLIENT_TIMEOUT", "-1", "VAULT_CLIENT_TIMEOUT" },
		{ "VAULT_MAX_RETRIES", "many", "VAULT_MAX_RETRIES" },
		{ "VAULT_MAX_RETRIES", "101", "VAULT_MAX_RETRIES" },
		{ "VAULT_MAX_RETRIES", "-1", "VAULT_MAX_RETRIES" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)setenv(rows[i].name, rows[i].value, 1);
		err_clear(&err);
		assert_false(cli_call(&cli, "GET", "x", NULL, &err));
		assert_non_null(strstr(err.message, rows[i].text));
		(void)unsetenv(rows[i].name);
	}
}

static void
a_failed_call_names_verb_and_address(void **state)
{
	static const struct {
		const char *method, *text;
	} rows[] = {
		{ "GET", "Get \"http://127.0.0.1:1/v1/a%20b\": " },
		{ "PUT", "Put \"http://127.0.0.1:1/v1/a%20b\": " },
		{ "DELETE", "Delete \"http://127.0.0.1:1/v1/a%20b\": " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		err_clear(&err);
		assert_false(cli_call(&cli, rows[i].method, "a b", NULL, &err));
		assert_memory_equal(
			err.message, rows[i].text, strlen(rows[i].text));
	}
}

static void
nothing_is_hidden_without_a_terminal(void **state)
{
	const char *text = NULL;

	(void)state;
	assert_non_null(freopen("/dev/null", "r", stdin));
	assert_int_equal(
		cli_read_hidden(&cli, stderr, "Password: ", &text, &err),
		ERR_INPUT);
	assert_null(text);
}

static void
standard_input_is_read_whole(void **state)
{
	struct span text = SPAN_NONE;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "a\n\0b", 4), 4);
	(void)close(fds[1]);
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	(void)close(fds[0]);
	assert_int_equal(cli_read_stdin(&cli, &text, &err), 0);
	assert_int_equal(text.len, 4);
	assert_memory_equal(text.data, "a\n\0b", 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			paths_lose_blanks_and_slashes_at_their_ends, fresh,
			done),
		cmocka_unit_test_setup_teardown(
			our_own_variable_comes_first, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_token_that_no_header_can_carry_is_refused, fresh,
			done),
		cmocka_unit_test_setup_teardown(
			no_token_at_all_is_no_error, fresh, done),
		cmocka_unit_test_setup_teardown(
			variables_that_are_no_numbers_are_named, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_failed_call_names_verb_and_address, fresh, done),
		cmocka_unit_test_setup_teardown(
			nothing_is_hidden_without_a_terminal, fresh, done),
		cmocka_unit_test_setup_teardown(
			standard_input_is_read_whole, fresh, done),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
