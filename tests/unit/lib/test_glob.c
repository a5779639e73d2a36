/* '*' at every place, and texts that make it go back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base.h"
#include "lib/glob.h"

static const struct glob_case {
	const char *glob, *text;
	bool matches;
} cases[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "anything/at all", true },
	{ "**", "a", true },
	{ "ci", "ci", true },
	{ "ci", "CI", false },
	{ "ci", "cix", false },
	{ "ci*", "ci", true },
	{ "ci*", "ci-deploy", true },
	{ "ci*", "c", false },
	{ "*-ro", "db-ro", true },
	{ "*-ro", "-ro", true },
	{ "*-ro", "db-rw", false },
	{ "a*c", "abc", true },
	{ "a*c", "ac", true },
	{ "a*c", "acd", false },
	{ "a*bc", "abbbc", true },
	{ "a*b*c", "a-b-b-c", true },
	{ "a*b*c", "a-c-b", false },
	{ "a?c", "abc", false },
	{ "[ab]", "a", false },
	{ "\\*", "\\x", true },
};

static void
a_star_is_any_text_and_nothing_else_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const bool got = glob_matches(
			span_str(cases[i].glob), span_str(cases[i].text));

		if (got != cases[i].matches)
			print_error(
				"%s over %s\n", cases[i].glob, cases[i].text);
		assert_int_equal(got, cases[i].matches);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_star_is_any_text_and_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
