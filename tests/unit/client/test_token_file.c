/* The stored token: one private file, or a program that keeps it. */
#include "client/token_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fsutil.h"

static char home[] = "/tmp/sallyport-home-XXXXXX";
static struct arena *arena;
static struct err err;

static const char *
in_home(const char *name)
{
	return arena_printf(arena, "%s/%s", home, name);
}

static void
put(const char *name, const char *text, mode_t mode)
{
	assert_int_equal(
		file_write_atomic(in_home(name), span_str(text), mode, NULL),
		0);
}

static int
fresh(void **state)
{
	(void)state;
	err_clear(&err);
	arena = arena_new(1024 * 1024);
	(void)setenv("HOME", home, 1);
	(void)unlink(in_home(".vault-token"));
	(void)unlink(in_home(".vault"));
	return 0;
}

static int
done(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* What is read, as text. */
static const char *
stored(void)
{
	struct secret_view token = { .len = 0 };

	assert_int_equal(token_file_read(arena, &token, &err), 0);
	return arena_strndup(arena, token.data, token.len);
}

static int
write_token(const char *text)
{
	return token_file_write(
		arena, secret_view_of(text, strlen(text)), &err);
}

static void
no_file_is_no_token(void **state)
{
	(void)state;
	assert_string_equal(stored(), "");
	(void)unsetenv("HOME");
	assert_string_equal(stored(), "");
	assert_int_equal(write_token("s.abc"), ERR_INPUT);
	assert_non_null(strstr(err.message, "HOME is not set"));
}

static void
white_space_around_a_token_is_none_of_it(void **state)
{
	static const char *const rows[] = { "s.abc", "s.abc\n", " \ts.abc\r\n",
		"\n\ns.abc\n\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		put(".vault-token", rows[i], 0600);
		assert_string_equal(stored(), "s.abc");
	}
	put(".vault-token", " \n", 0600);
	assert_string_equal(stored(), "");
}

static void
a_token_is_kept_in_a_private_file(void **state)
{
	struct stat st;

	(void)state;
	(void)umask(0);
	put(".vault-token", "old", 0644);
	assert_int_equal(write_token("s.new"), 0);
	assert_int_equal(stat(in_home(".vault-token"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_string_equal(stored(), "s.new");
	assert_int_equal(st.st_size, 5);
}

static void
what_is_no_token_file_is_refused(void **state)
{
	struct secret_view token;
	char *large = arena_alloc(arena, 8192, 1);

	(void)state;
	memset(large, 'x', 8191);
	put(".vault-token", large, 0600);
	assert_int_not_equal(token_file_read(arena, &token, &err), 0);
	(void)unlink(in_home(".vault-token"));
	assert_int_equal(mkfifo(in_home(".vault-token"), 0600), 0);
	assert_int_not_equal(token_file_read(arena, &token, &err), 0);
}

static void
a_program_keeps_the_token(void **state)
{
	(void)state;
	put("keeper",
		"#!/bin/sh\ncase $1 in\nget) cat $HOME/kept ;;\n"
		"store) cat >$HOME/kept ;;\nesac\n",
		0755);
	put(".vault",
		arena_printf(
			arena, "token_helper = \"%s\"\n", in_home("keeper")),
		0600);
	assert_int_equal(write_token("s.kept"), 0);
	assert_string_equal(stored(), "s.kept");
	assert_int_not_equal(access(in_home(".vault-token"), F_OK), 0);
}

static void
a_program_that_fails_is_named(void **state)
{
	struct secret_view token;

	(void)state;
	put(".vault", "token_helper = \"/bin/false\"\n", 0600);
	assert_int_equal(token_file_read(arena, &token, &err), ERR_INPUT);
	assert_non_null(strstr(err.message, "\"/bin/false get\" failed"));
	put(".vault", "token_helper = \"\"\n", 0600);
	put(".vault-token", "s.file", 0600);
	assert_string_equal(stored(), "s.file");
}

static void
a_broken_configuration_is_named(void **state)
{
	struct secret_view token;

	(void)state;
	put(".vault", "token_helper = {\n", 0600);
	assert_int_equal(token_file_read(arena, &token, &err), ERR_INPUT);
	assert_non_null(strstr(err.message, "failed to get token helper"));
	assert_non_null(strstr(err.message, in_home(".vault")));
	assert_int_equal(write_token("s.abc"), ERR_INPUT);
	put("elsewhere", "# nothing\n", 0600);
	(void)setenv("VAULT_CONFIG_PATH", in_home("elsewhere"), 1);
	assert_int_equal(write_token("s.abc"), 0);
	assert_string_equal(stored(), "s.abc");
	(void)unsetenv("VAULT_CONFIG_PATH");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_file_is_no_token, fresh, done),
		cmocka_unit_test_setup_teardown(
			white_space_around_a_token_is_none_of_it, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_token_is_kept_in_a_private_file, fresh, done),
		cmocka_unit_test_setup_teardown(
			what_is_no_token_file_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_program_keeps_the_token, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_program_that_fails_is_named, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_broken_configuration_is_named, fresh, done),
	};
	int failed;

	(void)unsetenv("SHELL");
	(void)unsetenv("VAULT_CONFIG_PATH");
	(void)unsetenv("SALLYPORT_CONFIG_PATH");
	if (mkdtemp(home) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena = arena_new(4096);
	for (size_t i = 0; i < 5; i++) {
		static const char *const names[] = { ".vault", ".vault-token",
			"keeper", "kept", "elsewhere" };

		(void)unlink(in_home(names[i]));
	}
	arena_free(&arena);
	return rmdir(home) != 0 || failed != 0;
}
