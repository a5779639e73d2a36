/* Flags from words and from the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/flags.h"

struct sample {
	const char *name;
	bool on;
	int64_t count, ttl, wrap;
	struct flag_list list, map;
};

static const struct flag rows[] = {
	TEXT_FLAG(struct sample, name, "name", .initial = "none",
		.env = "TUNIT_NAME"),
	BOOL_FLAG(struct sample, on, "on", .env = "TUNIT_ON"),
	INT_FLAG(struct sample, count, "count", .initial = "7"),
	DURATION_FLAG(struct sample, ttl, "ttl"),
	TTL_FLAG(struct sample, wrap, "wrap"),
	LIST_FLAG(struct sample, list, "list"),
	MAP_FLAG(struct sample, map, "map"),
	FLAG_END,
};

static struct sample sample;
static struct err err;

/* Words of a line, parted by single blanks; the words taken, or -1. */
static int
parse(const char *line)
{
	static char copy[256];
	const struct flag_set set = { rows, &sample };
	char *words[16], *at = copy;
	int n = 0, used = -1;

	sample = (struct sample){ .name = NULL };
	err = (struct err){ 0 };
	(void)snprintf(copy, sizeof(copy), "%s", line);
	while (*at != '\0') {
		words[n++] = at;
		at += strcspn(at, " ");
		if (*at != '\0')
			*at++ = '\0';
	}
	if (flags_init(&set, &err) != 0 ||
		flags_parse(&set, 1, n, words, &used, &err) != 0)
		return -1;
	return used;
}

static void
flags_end_at_the_first_plain_word(void **state)
{
	(void)state;
	assert_int_equal(parse("-name=a --on -count 9 -ttl=1h30m path -on"), 5);
	assert_string_equal(sample.name, "a");
	assert_true(sample.on);
	assert_int_equal(sample.count, 9);
	assert_int_equal(sample.ttl, 5400);
	assert_int_equal(parse("-on=false -- -on"), 2);
	assert_false(sample.on);
	assert_int_equal(parse("-name= - x"), 1);
	assert_string_equal(sample.name, "");
	assert_int_equal(parse(""), 0);
	assert_string_equal(sample.name, "none");
	assert_int_equal(sample.count, 7);
}

static void
lists_and_maps_gather(void **state)
{
	(void)state;
	assert_int_equal(parse("-list=a -list b -map k=v -map=l=w=x"), 6);
	assert_int_equal(sample.list.n, 2);
	assert_string_equal(sample.list.items[1], "b");
	assert_int_equal(sample.map.n, 2);
	assert_string_equal(sample.map.items[1], "l=w=x");
}

static void
wrong_words_are_named(void **state)
{
	static const char *const cases[][2] = {
		{ "-x=1", "flag provided but not defined: -x" },
		{ "-name", "flag needs an argument: -name" },
		{ "-on=maybe",
			"invalid value \"maybe\" for flag -on: must be true or false" },
		{ "-count=1.5",
			"invalid value \"1.5\" for flag -count: must be a whole number" },
		{ "-map=x",
			"invalid value \"x\" for flag -map: must be key=value" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i][0]), -1);
		assert_string_equal(err.message, cases[i][1]);
	}
	assert_int_equal(parse("-ttl=soon"), -1);
	assert_non_null(strstr(err.message, "must be a duration"));
}

/* What would be cut to "none" must not pass for it. */
static void
a_lifetime_is_none_or_at_least_a_second(void **state)
{
	static const struct {
		const char *line;
		int64_t wrap; /* -1: refused */
	} cases[] = { { "-wrap=300", 300 }, { "-wrap=5m", 300 },
		{ "-wrap=0", 0 }, { "-wrap=0s", 0 }, { "-wrap=1.5s", 1 },
		{ "-wrap=500ms", -1 }, { "-wrap=1ns", -1 }, { "-wrap=-5s", -1 },
		{ "-wrap=bogus", -1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const int used = parse(cases[i].line);

		assert_int_equal(used, cases[i].wrap < 0 ? -1 : 1);
		if (used == 1)
			assert_int_equal(sample.wrap, cases[i].wrap);
	}
	assert_int_equal(parse("-ttl=500ms"), 1);
}

static void
our_variable_wins_over_vaults_and_words_over_both(void **state)
{
	(void)state;
	setenv("VAULT_TUNIT_NAME", "theirs", 1);
	assert_int_equal(parse(""), 0);
	assert_string_equal(sample.name, "theirs");
	setenv("SALLYPORT_TUNIT_NAME", "", 1);
	assert_string_equal(flags_env("TUNIT_NAME"), "theirs");
	setenv("SALLYPORT_TUNIT_NAME", "ours", 1);
	assert_int_equal(parse(""), 0);
	assert_string_equal(sample.name, "ours");
	assert_int_equal(parse("-name=word"), 1);
	assert_string_equal(sample.name, "word");
	setenv("VAULT_TUNIT_ON", "perhaps", 1);
	assert_int_equal(parse(""), -1);
	assert_non_null(strstr(err.message, "could not parse VAULT_TUNIT_ON"));
	unsetenv("VAULT_TUNIT_ON");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_end_at_the_first_plain_word),
		cmocka_unit_test(lists_and_maps_gather),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(a_lifetime_is_none_or_at_least_a_second),
		cmocka_unit_test(
			our_variable_wins_over_vaults_and_words_over_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
