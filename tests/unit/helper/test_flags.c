/* Command lines, as vault-ssh-helper reads them. */
#include "helper/flags.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/err.h"

struct given {
	const char *text;
	bool on;
};

static const struct flag rows[] = {
	FLAG_ROW_TEXT(struct given, text, "text", "A text."),
	FLAG_ROW_BOOL(struct given, on, "on", "A switch."),
	FLAG_END,
};

static int
parse(char *const *words, struct given *given, const char **ret_word)
{
	int n = 0;

	while (words[n] != NULL)
		n++;
	*given = (struct given){ .text = NULL };
	return flags_parse(rows, n, words, given, ret_word);
}

#define W(text) ((char[]){ text })
#define PARSE(given, word, ...)                                                \
	parse((char *const[]){ __VA_ARGS__, NULL }, given, word)

static void
each_form_is_read(void **state)
{
	struct given given;
	const char *word;

	(void)state;
	assert_int_equal(PARSE(&given, &word, W("-text=a"), W("--on")), 0);
	assert_string_equal(given.text, "a");
	assert_true(given.on);
	assert_null(word);
	assert_int_equal(PARSE(&given, &word, W("--text"), W("-x"), W("one"),
				 W("-on=false"), W("two")),
		0);
	assert_string_equal(given.text, "-x");
	assert_false(given.on);
	assert_string_equal(word, "one");
	assert_int_equal(PARSE(&given, &word, W("-text="), W("-on=1")), 0);
	assert_string_equal(given.text, "");
}

static void
every_other_is_refused(void **state)
{
	struct given given;
	const char *word;

	(void)state;
	assert_int_equal(PARSE(&given, &word, W("-text")), ERR_INPUT);
	assert_int_equal(PARSE(&given, &word, W("-tex=a")), ERR_INPUT);
	assert_int_equal(PARSE(&given, &word, W("-texts=a")), ERR_INPUT);
	assert_int_equal(PARSE(&given, &word, W("-on=maybe")), ERR_INPUT);
	assert_int_equal(PARSE(&given, &word, W("-")), ERR_INPUT);
	assert_int_equal(PARSE(&given, &word, W("--")), ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_read),
		cmocka_unit_test(every_other_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
