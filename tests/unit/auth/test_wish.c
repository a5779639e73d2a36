/* What a new token may be, as a table over makers and wishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/auth/token/wish.h"
#include "tests/support/in_arena.h"

/* "a,b" as names; blanks stay. */
static struct str_list
names(const char *text)
{
	struct str_list list = { .items =
					 ARENA_ARRAY(arena, const char *, 32) };

	while (*text != '\0') {
		const size_t len = strcspn(text, ",");

		list.items[list.n++] = arena_strndup(arena, text, len);
		text += len + (text[len] == ',' ? 1 : 0);
	}
	return list;
}

static struct token
token_of(const char *policies)
{
	return (struct token){ .policies = names(policies) };
}

static struct token_wish
plain_wish(void)
{
	return (struct token_wish){
		.display_name = "", .type = "", .entity_alias = ""
	};
}

static void
wishes_beyond_ones_rights_are_refused(void **state)
{
	static const struct {
		const char *id, *type, *alias;
		int64_t uses, period, maker_uses;
		bool no_parent, sudo;
		const char *error; /* NULL: allowed */
	} cases[] = {
		{ "", "", "", 0, 0, 0, false, false, NULL },
		{ "", "service", "", 5, 0, 0, false, false, NULL },
		{ "", "", "", 0, 0, 1, false, true,
			"restricted use token cannot generate child tokens" },
		{ "", "batch", "", 0, 0, 0, false, true, NULL },
		{ "own", "batch", "", 0, 0, 0, false, true,
			"batch tokens cannot have \"id\" set" },
		{ "", "batch", "", 3, 0, 0, false, true,
			"batch tokens cannot have \"num_uses\" set" },
		{ "", "batch", "", 0, 60, 0, false, true,
			"batch tokens cannot have \"period\" set" },
		{ "", "Service", "", 0, 0, 0, false, true,
			"invalid 'token_type' value" },
		{ "own", "", "", 0, 0, 0, false, false,
			"root or sudo privileges required to specify token id" },
		{ "own", "", "", 0, 0, 0, false, true, NULL },
		{ "s.own", "", "", 0, 0, 0, false, true,
			"custom token ID cannot have the 's.' prefix" },
		{ "hvs.own", "", "", 0, 0, 0, false, true,
			"custom token ID cannot have the 's.' prefix" },
		{ "o.wn", "", "", 0, 0, 0, false, true,
			"custom token ID cannot have a '.' in the value" },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
			"", "", 0, 0, 0, false, true,
			"custom token ID cannot be longer than 63 characters" },
		{ "", "", "bob", 0, 0, 0, false, true,
			"'entity_alias' is only allowed in combination with token role" },
		{ "", "", "", -1, 0, 0, false, true,
			"number of uses cannot be negative" },
		{ "", "", "", 0, 0, 0, true, false,
			"root or sudo privileges required to create orphan token" },
		{ "", "", "", 0, 0, 0, true, true, NULL },
		{ "", "", "", 0, 60, 0, false, false,
			"root or sudo privileges required to create periodic token" },
		{ "", "", "", 0, 60, 0, false, true, NULL },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct token token = { .num_uses = cases[i].maker_uses };
		const struct token_maker maker = { &token, NULL,
			cases[i].sudo };
		struct token_wish wish = plain_wish();
		struct err err = { 0 };
		bool batch = false;
		int rc;

		wish.id = secret_view_of(
			(const uint8_t *)cases[i].id, strlen(cases[i].id));
		wish.type = cases[i].type;
		wish.entity_alias = cases[i].alias;
		wish.num_uses = cases[i].uses;
		wish.period = cases[i].period;
		wish.no_parent = cases[i].no_parent;
		rc = token_check_wish(&wish, &maker, &batch, &err);
		if (rc == 0)
			assert_int_equal(
				batch, strcmp(cases[i].type, "batch") == 0);
		assert_string_equal(err.message,
			cases[i].error != NULL ? cases[i].error : "");
		assert_int_equal(rc, cases[i].error != NULL ? ERR_INPUT : 0);
	}
}

static const char *
joined(const struct str_list *list)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < list->n; i++)
		text = arena_printf(arena, "%s%s%s", text, i > 0 ? "," : "",
			list->items[i]);
	return text;
}

#define SUBSET "child policies must be subset of parent"
#define NO_ROOT "root tokens may not be created without parent token being root"

/* reliability.md L04: a name is cleaned before it is compared. */
static void
who_may_decide_the_type_decides_it(void **state)
{
	static const struct {
		const char *by, *asked;
		bool batch;
	} cases[] = {
		{ "", "", false },
		{ "", "default", false },
		{ "", "service", false },
		{ "", "batch", true },
		{ "default-service", "", false },
		{ "default-service", "batch", true },
		{ "default-batch", "default", true },
		{ "default-batch", "service", false },
		{ "service", "batch", false },
		{ "batch", "service", true },
		{ "batch", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(token_is_batch_by(cases[i].asked, cases[i].by),
			cases[i].batch);
}

/*
 * reliability.md L14: of two limits the smaller one holds, and a role gives no
 * policy that it does not name.
 */
static void
a_role_only_narrows_what_is_asked_for(void **state)
{
	static const int64_t limits[] = { 0, 1, 30, 60, 3600 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(limits) * ARRAY_LEN(limits); i++) {
		const int64_t asked = limits[i % ARRAY_LEN(limits)];
		const int64_t given = limits[i / ARRAY_LEN(limits)];
		const struct token_role role = { .period = given,
			.explicit_max_ttl = given };
		struct token_ask ask = { .period_s = asked,
			.explicit_max_s = asked };

		token_narrow_ask(&role, &ask);
		assert_true(given == 0 ||
			(ask.period_s <= given && ask.explicit_max_s <= given));
		assert_true(asked == 0 ||
			(ask.period_s <= asked && ask.explicit_max_s <= asked));
		assert_int_equal(ask.period_s == 0, asked == 0 && given == 0);
	}
}

static void
a_role_says_which_policies_there_may_be(void **state)
{
	static const struct {
		const char *allowed, *globs, *forbidden, *wanted, *chosen;
	} cases[] = {
		{ "a,b", "", "", "", "a,b,default" },
		{ "a,b", "", "", "A", "a,default" },
		{ "a", "", "", "a,c", NULL },
		{ "", "x-*", "", "x-1,X-2", "default,x-1,x-2" },
		{ "", "x-*", "", "y", NULL },
		{ "a", "x-*", "", "a,x-1", "a,default,x-1" },
		{ "", "", "a", "b", "b,default" },
		{ "", "", "a", " A ", NULL },
		{ "a,b", "", "b", "", NULL },
		{ "a,b", "", "b", "a", "a,default" },
		{ "a", "", "default", "", "a" },
		{ "root", "", "", "", NULL },
		{ "response-wrapping", "", "", "", NULL },
	};
	const struct token token = token_of("mine");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct token_role role = { .allowed_policies = names(
							 cases[i].allowed),
			.allowed_policies_glob = names(cases[i].globs),
			.disallowed_policies = names(cases[i].forbidden),
			.type = "default-service" };
		const struct token_maker maker = { &token, &role, false };
		struct token_wish wish = plain_wish();
		struct str_list chosen, expected;
		struct err err = { 0 };
		int rc;

		wish.policies = names(cases[i].wanted);
		rc = token_choose_policies(&wish, &maker, arena, &chosen, &err);
		assert_int_equal(rc, cases[i].chosen == NULL ? ERR_INPUT : 0);
		if (rc != 0)
			continue;
		expected = names(cases[i].chosen);
		assert_int_equal(chosen.n, expected.n);
		for (size_t k = 0; k < chosen.n; k++)
			assert_string_equal(chosen.items[k], expected.items[k]);
	}
}

static void
policies_are_cleaned_then_bounded_by_the_maker(void **state)
{
	static const struct {
		const char *maker, *wanted;
		bool sudo, no_default;
		const char *chosen, *error;
	} cases[] = {
		{ "default,web", "", false, false, "default,web", NULL },
		{ "default,web", "", false, true, "web", NULL },
		{ "default,web", "web", false, false, "default,web", NULL },
		{ "default,web", "web", false, true, "web", NULL },
		{ "web", "web", false, false, "web", NULL },
		{ "web", "ops", true, false, "default,ops", NULL },
		{ "web", "ops", true, true, "ops", NULL },
		{ "web", " OPS ,web,ops,", true, true, "ops,web", NULL },
		{ "web", "ops", false, false, NULL, SUBSET },
		{ "web", "default", false, false, NULL, SUBSET },
		{ "web", "root", false, false, NULL, SUBSET },
		{ "web", "root", true, false, NULL, NO_ROOT },
		{ "web", "ROOT", true, false, NULL, NO_ROOT },
		{ "web", " Root\t", true, true, NULL, NO_ROOT },
		{ "web", "web,\nrooT", true, false, NULL, NO_ROOT },
		{ "root", "", true, false, "root", NULL },
		{ "root", "web,root", true, false, "root", NULL },
		{ "root", "web", true, false, "default,web", NULL },
		{ "root", "Response-Wrapping", true, false, NULL,
			"cannot assign policy \"response-wrapping\"" },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct token token = token_of(cases[i].maker);
		const struct token_maker maker = { &token, NULL,
			cases[i].sudo };
		struct token_wish wish = plain_wish();
		struct str_list chosen = { .n = 0 };
		struct err err = { 0 };

		wish.policies = names(cases[i].wanted);
		wish.no_default_policy = cases[i].no_default;
		(void)token_choose_policies(
			&wish, &maker, arena, &chosen, &err);
		assert_string_equal(err.message,
			cases[i].error != NULL ? cases[i].error : "");
		if (cases[i].chosen != NULL)
			assert_string_equal(joined(&chosen), cases[i].chosen);
	}
}

static void
names_for_people_hold_letters_digits_and_dashes(void **state)
{
	static const char *const cases[][2] = { { "", "token" },
		{ "ci", "token-ci" }, { "ci x", "token-ci-x" },
		{ "a_b.c", "token-a-b-c" }, { "A9-z", "token-A9-z" },
		{ "\xc3\xa4x", "token---x" } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(
			token_display_name(arena, cases[i][0]), cases[i][1]);
}

/* reliability.md L13: nothing but a root token lives for ever. */
static void
lifetimes_are_cut_at_the_smallest_limit(void **state)
{
	static const struct {
		const char *policies;
		int64_t ttl, lease, max, period;
		int64_t want_ttl, want_max;
		bool capped;
	} cases[] = {
		{ "web", 0, 0, 0, 0, 100, 1000, false },
		{ "web", 50, 0, 0, 0, 50, 1000, false },
		{ "web", 0, 60, 0, 0, 60, 1000, false },
		{ "web", 50, 60, 0, 0, 50, 1000, false },
		{ "web", 5000, 0, 0, 0, 1000, 1000, true },
		{ "web", 0, 0, 40, 0, 40, 40, true },
		{ "web", 500, 0, 5000, 0, 500, 1000, false },
		{ "web", 0, 0, 0, 5000, 5000, 0, false },
		{ "web", 7, 0, 0, 60, 60, 0, false },
		{ "web", 0, 0, 30, 60, 30, 30, true },
		{ "root", 0, 0, 0, 0, 0, 0, false },
		{ "root", 50, 0, 0, 0, 50, 1000, false },
		{ "root", 0, 0, 40, 0, 40, 40, true },
		{ "root", 0, 0, 0, 60, 60, 0, false },
	};
	static const struct token_limits limits = { 100, 1000 };
	const struct token token = { .num_uses = 0 };
	const struct token_maker maker = { &token, NULL, true };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct str_list policies = names(cases[i].policies);
		struct token_wish wish = plain_wish();
		struct token_lifetime life = { .ttl_s = -1 };
		struct err err = { 0 };

		wish.ttl = cases[i].ttl;
		wish.lease = cases[i].lease;
		wish.explicit_max_ttl = cases[i].max;
		wish.period = cases[i].period;
		assert_int_equal(token_choose_lifetime(&wish, &maker, &policies,
					 &limits, &life, &err),
			0);
		if (life.ttl_s != cases[i].want_ttl ||
			life.max_s != cases[i].want_max ||
			life.capped != cases[i].capped)
			fail_msg("case %zu: %lld of %lld", i,
				(long long)life.ttl_s, (long long)life.max_s);
	}
}

static void
an_expiring_root_makes_no_lasting_one(void **state)
{
	static const struct token_limits limits = { 100, 1000 };
	const struct token token = { .lease = { .expire_s = 9 } };
	const struct token_maker maker = { &token, NULL, true };
	const struct str_list policies = names("root");
	struct token_wish wish = plain_wish();
	struct token_lifetime life;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(token_choose_lifetime(&wish, &maker, &policies,
				 &limits, &life, &err),
		ERR_INPUT);
	assert_string_equal(err.message,
		"expiring root tokens cannot create non-expiring root tokens");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(wishes_beyond_ones_rights_are_refused),
		TEST(who_may_decide_the_type_decides_it),
		TEST(a_role_only_narrows_what_is_asked_for),
		TEST(a_role_says_which_policies_there_may_be),
		TEST(policies_are_cleaned_then_bounded_by_the_maker),
		TEST(names_for_people_hold_letters_digits_and_dashes),
		TEST(lifetimes_are_cut_at_the_smallest_limit),
		TEST(an_expiring_root_makes_no_lasting_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
