/* Options before a key: what sshd would read as such, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/engines/ssh/dynamic/key_options.h"

static void
options_as_sshd_reads_them_are_taken(void **state)
{
	static const char *const good[] = { "", "no-pty", "restrict,pty",
		"command=\"echo hi\"", "command=\"a \\\"b\\\" c\",no-pty",
		"from=\"10.0.0.0/8,!10.1.2.3\"", "environment=\"A=b\"",
		"tunnel=\"0\",permitopen=\"[::1]:80\"", "made-up@example.com",
		"command=\"\"", "command=\"caf\xc3\xa9\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(key_options_check(good[i], NULL), 0);
}

static void
what_would_end_the_field_or_line_is_refused(void **state)
{
	static const char *const bad[] = { "no-pty ssh-rsa AAAA", " no-pty",
		"no-pty ", "no-pty\nssh-rsa AAAA x", "no-pty\r", "a\tb",
		"command=\"a\nb\"", "command=\"a", "command=a",
		"command=", "no-pty,", ",no-pty", "no-pty,,pty",
		"command=\"a\"b", "command=\"a\" ", "\"a\"", "no-pty;id",
		"$(id)", "a=\"\\\"", "command=\"\x7f\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		assert_int_equal(key_options_check(bad[i], &err), ERR_INPUT);
		assert_int_equal(err.status, 400);
	}
}

static void
options_are_found_whatever_their_case(void **state)
{
	static const char text[] =
		"no-PTY,command=\"from=\\\"x\\\",restrict\",FROM=\"10.0.0.1\"";

	(void)state;
	assert_true(key_options_have(text, "from"));
	assert_true(key_options_have(text, "no-pty"));
	assert_false(key_options_have(text, "restrict"));
	assert_false(key_options_have("", "from"));
}

static void
the_first_unknown_option_is_named(void **state)
{
	const struct span odd = key_options_find_unknown("no-pty,no-ptty,no-x");

	(void)state;
	assert_true(span_equal(odd, span_str("no-ptty")));
	assert_int_equal(
		key_options_find_unknown("restrict,X11-forwarding").len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_as_sshd_reads_them_are_taken),
		cmocka_unit_test(what_would_end_the_field_or_line_is_refused),
		cmocka_unit_test(options_are_found_whatever_their_case),
		cmocka_unit_test(the_first_unknown_option_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
