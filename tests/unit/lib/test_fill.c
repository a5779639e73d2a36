/* Variables of a text and what stands in their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/fill.h"

static const struct fill_variable variables[] = {
	{ "{{host}}", "web1" },
	{ "{{name}}", "{{host}}" },
};

static void
assert_filled(const char *text, const char *expected)
{
	struct buf out;

	buf_init(&out, 64);
	assert_int_equal(fill(&out, text, variables, ARRAY_LEN(variables)), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_clear(&out);
}

static void
a_variable_becomes_its_value(UNUSED void **state)
{
	assert_filled("", "");
	assert_filled("ops@{{host}}!", "ops@web1!");
	assert_filled("{{host}}{{host}}", "web1web1");
}

static void
a_value_is_not_looked_at_again(UNUSED void **state)
{
	assert_filled("{{name}}", "{{host}}");
}

static void
what_is_no_variable_stays(UNUSED void **state)
{
	assert_filled("{{", "{{");
	assert_filled("{{hos}} {{{host}}}", "{{hos}} {web1}");
}

static void
a_text_too_long_is_told_of(UNUSED void **state)
{
	struct buf out;

	buf_init(&out, 4);
	assert_int_equal(fill(&out, "{{host}}s", variables, 2), ERR_LIMIT);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_becomes_its_value),
		cmocka_unit_test(a_value_is_not_looked_at_again),
		cmocka_unit_test(what_is_no_variable_stays),
		cmocka_unit_test(a_text_too_long_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
