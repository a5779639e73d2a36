/* The flags of sallyportd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/main/options.h"

static struct options options;
static struct err err;

static int
parse(const char *a, const char *b, const char *c)
{
	char words[4][64] = { "sallyportd" };
	const char *const given[] = { a, b, c };
	static char kept[4][64];
	char *argv[4];
	int argc = 1;

	for (; argc < 4 && given[argc - 1] != NULL; argc++)
		strncat(words[argc], given[argc - 1], 63);
	memcpy(kept, words, sizeof(kept));
	for (int i = 0; i < 4; i++)
		argv[i] = kept[i];
	err = (struct err){ 0 };
	return options_parse(argc, argv, &options, &err);
}

static void
values_stand_glued_or_apart(void **state)
{
	(void)state;
	assert_int_equal(parse("-config=a", "--config", "b"), 0);
	assert_int_equal(options.n_configs, 2);
	assert_string_equal(options.configs[1], "b");
	assert_int_equal(parse("-dev", "-log-level", "debug"), 0);
	assert_true(options.dev);
	assert_string_equal(options.log_level, "debug");
	assert_int_equal(parse("-dev=false", "-help", NULL), 0);
	assert_false(options.dev);
	assert_true(options.help);
	assert_int_equal(parse("-config=", NULL, NULL), 0);
}

static void
nothing_given_leaves_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL, NULL, NULL), 0);
	assert_int_equal(options.n_configs, 0);
	assert_false(options.dev || options.version || options.help);
	assert_null(options.log_level);
	assert_string_equal(options.dev_listen_address, "127.0.0.1:8200");
	assert_string_equal(options.dev_root_token_id, "");
}

static void
wrong_words_are_named(void **state)
{
	static const char *const cases[][2] = {
		{ "-x", "flag provided but not defined: -x" },
		{ "-con=x", "flag provided but not defined: -con=x" },
		{ "-", "flag provided but not defined: -" },
		{ "-config", "flag needs an argument: -config" },
		{ "-dev=perhaps",
			"invalid value \"perhaps\" for flag -dev: must be true or false" },
		{ "server",
			"unexpected argument \"server\": every option begins with -" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(parse(cases[i][0], NULL, NULL) < 0);
		assert_string_equal(err.message, cases[i][1]);
	}
}

static void
our_variable_wins_over_vaults_and_words_over_both(void **state)
{
	(void)state;
	setenv("VAULT_DEV_ROOT_TOKEN_ID", "theirs", 1);
	assert_int_equal(parse(NULL, NULL, NULL), 0);
	assert_string_equal(options.dev_root_token_id, "theirs");
	setenv("SALLYPORT_DEV_ROOT_TOKEN_ID", "ours", 1);
	assert_int_equal(parse(NULL, NULL, NULL), 0);
	assert_string_equal(options.dev_root_token_id, "ours");
	assert_int_equal(parse("-dev-root-token-id=word", NULL, NULL), 0);
	assert_string_equal(options.dev_root_token_id, "word");
}

static void
configs_are_counted(void **state)
{
	char *argv[OPTIONS_CONFIGS_MAX + 2];
	static char name[] = "sallyportd", flag[] = "-config=x";
	int i;

	(void)state;
	argv[0] = name;
	for (i = 1; i <= OPTIONS_CONFIGS_MAX + 1; i++)
		argv[i] = flag;
	assert_int_equal(
		options_parse(OPTIONS_CONFIGS_MAX + 1, argv, &options, &err),
		0);
	assert_int_equal(
		options_parse(OPTIONS_CONFIGS_MAX + 2, argv, &options, &err),
		ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stand_glued_or_apart),
		cmocka_unit_test(nothing_given_leaves_the_defaults),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(
			our_variable_wins_over_vaults_and_words_over_both),
		cmocka_unit_test(configs_are_counted),
	};

	unsetenv("SALLYPORT_DEV_ROOT_TOKEN_ID");
	unsetenv("VAULT_DEV_ROOT_TOKEN_ID");
	unsetenv("SALLYPORT_DEV_LISTEN_ADDRESS");
	unsetenv("VAULT_DEV_LISTEN_ADDRESS");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
