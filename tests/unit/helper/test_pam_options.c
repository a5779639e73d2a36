/* Words on the module's line: all good, or none taken. */
#include "helper/pam_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int
parse(const char *word, struct pam_options *ret_options)
{
	const char *argv[] = { "dev", word };
	struct err err = { 0 };

	return pam_options_parse(2, argv, ret_options, &err);
}

static void
words_are_taken(void **state)
{
	struct pam_options options;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(pam_options_parse(0, NULL, &options, &err), 0);
	assert_int_equal(options.timeout_s, 10);
	assert_string_equal(options.prompt, "Password: ");
	assert_false(options.dev);
	assert_int_equal(parse("timeout=100", &options), 0);
	assert_int_equal(options.timeout_s, 100);
	assert_true(options.dev);
	assert_int_equal(parse("config=/a=b", &options), 0);
	assert_string_equal(options.config, "/a=b");
	assert_int_equal(parse("use_first_pass", &options), 0);
	assert_true(options.use_first_pass);
	assert_int_equal(parse("fail_delay=0", &options), 0);
	assert_int_equal(options.fail_delay_ms, 0);
}

static void
a_bad_word_takes_nothing(void **state)
{
	static const char *const bad[] = { "", "=", "bogus", "dev=1", "Dev",
		"timeout", "timeout=", "timeout=0", "timeout=101", "timeout=5s",
		"timeout= 5", "config", "config=", "prompt", "fail_delay=-1",
		"fail_delay=60001", "devx", "de" };
	struct pam_options options = { .timeout_s = -7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i], &options), ERR_INPUT);
		assert_int_equal(options.timeout_s, -7);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_taken),
		cmocka_unit_test(a_bad_word_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
