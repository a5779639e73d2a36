/* Lines of 78 columns, and colour for terminals alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pty.h>

#include "client/say.h"

static void
check_wrap(const char *text, size_t used, size_t indent, const char *wanted)
{
	struct buf out;

	buf_init(&out, 4096);
	say_wrap(&out, span_str(text), used, indent);
	assert_string_equal(buf_str(&out), wanted);
	buf_clear(&out);
}

/* 9 columns and a blank, seven times; the eighth ends in column 78 or 79. */
#define SEVEN                                                                  \
	"123456789 123456789 123456789 123456789 123456789 123456789 123456789"

static void
lines_break_at_blanks_before_column_79(void **state)
{
	(void)state;
	check_wrap("", 0, 0, "");
	check_wrap("short", 0, 0, "short");
	check_wrap(SEVEN " 12345678", 0, 0, SEVEN " 12345678");
	check_wrap(SEVEN " 123456789", 0, 0, SEVEN "\n123456789");
	check_wrap(SEVEN " 12345678", 1, 0, SEVEN "\n12345678");
	check_wrap(SEVEN " 123456789", 0, 4, SEVEN "\n    123456789");
	check_wrap(SEVEN " 1 " SEVEN " x", 0, 0, SEVEN " 1\n" SEVEN " x");
}

static void
what_cannot_break_stays_whole(void **state)
{
	char word[101], wanted[110];

	(void)state;
	memset(word, 'w', 100);
	word[100] = '\0';
	check_wrap(word, 0, 0, word);
	(void)snprintf(wanted, sizeof(wanted), "a\n  %s", word);
	check_wrap(wanted + 4, 0, 0, word);
	(void)snprintf(wanted, sizeof(wanted), "a %s", word);
	{
		char lines[110];

		(void)snprintf(lines, sizeof(lines), "a\n  %s", word);
		check_wrap(wanted, 0, 2, lines);
	}
}

static void
newlines_and_inner_blanks_stay(void **state)
{
	(void)state;
	check_wrap("one\ntwo", 0, 2, "one\n  two");
	check_wrap("one\n\ntwo  three", 0, 0, "one\n\ntwo  three");
	check_wrap("end\n", 0, 4, "end\n");
}

static void
columns_are_characters_not_bytes(void **state)
{
	(void)state;
	check_wrap(SEVEN " \xc3\xa4\xc3\xb6\xc3\xbc"
			 "45678",
		0, 0,
		SEVEN " \xc3\xa4\xc3\xb6\xc3\xbc"
		      "45678");
}

/* What goes to standard error of a terminal, or of a file, in form. */
static void
check_error(bool terminal, const char *variable, bool table, const char *wanted)
{
	int ends[2] = { -1, -1 };
	char got[256];
	ssize_t n;
	const int kept = dup(STDERR_FILENO);

	if (terminal)
		assert_int_equal(
			openpty(&ends[0], &ends[1], NULL, NULL, NULL), 0);
	else
		assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	if (variable != NULL)
		(void)setenv(variable, "1", 1);
	say_table(table);
	say_error("no %s", "way");
	(void)fflush(stderr);
	if (variable != NULL)
		(void)unsetenv(variable);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	n = read(ends[0], got, sizeof(got) - 1);
	assert_true(n > 0);
	got[n] = '\0';
	(void)close(kept);
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_string_equal(got, wanted);
}

static void
errors_are_red_on_a_terminal_alone(void **state)
{
	(void)state;
	check_error(true, NULL, true, "\033[91mno way\033[0m\r\n");
	check_error(false, NULL, true, "no way\n");
	check_error(true, NULL, false, "no way\r\n");
	check_error(true, "VAULT_CLI_NO_COLOR", true, "no way\r\n");
	check_error(true, "SALLYPORT_CLI_NO_COLOR", true, "no way\r\n");
	check_error(true, "NO_COLOR", true, "no way\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_break_at_blanks_before_column_79),
		cmocka_unit_test(what_cannot_break_stays_whole),
		cmocka_unit_test(newlines_and_inner_blanks_stay),
		cmocka_unit_test(columns_are_characters_not_bytes),
		cmocka_unit_test(errors_are_red_on_a_terminal_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
