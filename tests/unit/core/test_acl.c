/* Decisions: which rule applies, what joins, parameters, wrapping, sudo. */
#include "server/core/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/acl_fixture.h"

#define RULE(path, caps) "path \"" path "\" { capabilities = [" caps "] }\n"
#define R "\"read\""
#define U "\"update\""
#define L "\"list\""
#define DENY "\"deny\""

struct question {
	const char *text;
	const char *path;
	unsigned wants;
	bool allowed;
};

static void
ask_all(const struct question *questions, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct question *q = &questions[i];

		if (policy_allows(q->text, q->wants, q->path, NULL) !=
			q->allowed)
			fail_msg("%zu: %s on %s", i, q->text, q->path);
	}
}

static void
one_pattern_decides(void **state)
{
	static const struct question questions[] = {
		/* nothing matches */
		{ "", "a", CAP_READ, false },
		{ RULE("a", R), "b", CAP_READ, false },
		{ RULE("a", R), "a/b", CAP_READ, false },
		/* a leading slash is nothing */
		{ RULE("/a/b", R), "a/b", CAP_READ, true },
		/* '*' crosses slashes and takes nothing too */
		{ RULE("a/*", R), "a/b/c", CAP_READ, true },
		{ RULE("a/*", R), "a/", CAP_READ, true },
		{ RULE("a/*", R), "a", CAP_READ, false },
		{ RULE("a*", R), "abc", CAP_READ, true },
		{ RULE("*", R), "anything/at/all", CAP_READ, true },
		/* a '*' inside is a letter */
		{ RULE("a*b", R), "axb", CAP_READ, false },
		{ RULE("a*b", R), "a*b", CAP_READ, true },
		/* exact before prefix, never summed */
		{ RULE("a/*", R) RULE("a/b", U), "a/b", CAP_READ, false },
		{ RULE("a/*", R) RULE("a/b", U), "a/b", CAP_UPDATE, true },
		{ RULE("a/*", R) RULE("a/b", DENY), "a/b", CAP_READ, false },
		/* longest prefix */
		{ RULE("a/*", R) RULE("a/b/*", U), "a/b/c", CAP_READ, false },
		{ RULE("a/*", R) RULE("a/b/*", U), "a/c", CAP_READ, true },
		{ RULE("a/*", R) RULE("a/bb/*", U), "a/bc", CAP_READ, true },
		{ RULE("a/*", R) RULE("a/b*", DENY) RULE("a/bb*", R)
				RULE("a/bbx", DENY),
			"a/bc", CAP_READ, false },
		{ RULE("a/*", R) RULE("a/b*", DENY) RULE("a/bb*", R)
				RULE("a/bbx", DENY),
			"a/bbw", CAP_READ, true },
	};

	(void)state;
	ask_all(questions, ARRAY_LEN(questions));
}

static void
plus_is_one_segment(void **state)
{
	static const struct question questions[] = {
		{ RULE("a/+/c", R), "a/b/c", CAP_READ, true },
		{ RULE("a/+/c", R), "a/b/b/c", CAP_READ, false },
		{ RULE("a/+/c", R), "a/c", CAP_READ, false },
		{ RULE("a/+", R), "a/b", CAP_READ, true },
		{ RULE("a/+", R), "a/b/c", CAP_READ, false },
		{ RULE("a/+", L), "a/", CAP_LIST, true },
		{ RULE("+/b", R), "x/b", CAP_READ, true },
		{ RULE("+", R), "x", CAP_READ, true },
		{ RULE("a/+/c*", R), "a/b/cc/d", CAP_READ, true },
		{ RULE("a/+/*", R), "a/b/c/d", CAP_READ, true },
		{ RULE("a/+/*", R), "a/b", CAP_READ, false },
		/* only as a whole segment */
		{ RULE("a/b+", R), "a/bc", CAP_READ, false },
		{ RULE("a/b+", R), "a/b+", CAP_READ, true },
		/* first wildcard later wins */
		{ RULE("a/b/+", R) RULE("a/+/c", U), "a/b/c", CAP_READ, true },
		{ RULE("a/b*", R) RULE("a/+", U), "a/bc", CAP_READ, true },
		/* same place: no '*' at the end wins */
		{ RULE("a/*", R) RULE("a/+", U), "a/b", CAP_UPDATE, true },
		/* both end in '*': fewer '+' */
		{ RULE("a/*", R) RULE("a/+/c*", U), "a/b/c", CAP_READ, true },
		{ RULE("a/+/+/*", R) RULE("a/+/c/*", U), "a/b/c/d", CAP_UPDATE,
			true },
		/* then the longer */
		{ RULE("a/+/c*", R) RULE("a/+/cc*", U), "a/b/ccc", CAP_UPDATE,
			true },
		/* then the greater: "+/b" is behind "b/+" only as text goes */
		{ RULE("a/+/b/+", R) RULE("a/+/+/c", U), "a/x/b/c", CAP_READ,
			true },
		/* exact wins over both */
		{ RULE("a/+", R) RULE("a/b", U), "a/b", CAP_READ, false },
	};

	(void)state;
	ask_all(questions, ARRAY_LEN(questions));
}

static void
list_looks_without_its_slash_too(void **state)
{
	static const struct question questions[] = {
		{ RULE("a/b", L), "a/b/", CAP_LIST, true },
		{ RULE("a/b/", L), "a/b/", CAP_LIST, true },
		{ RULE("a/b", L) RULE("a/b/", DENY), "a/b/", CAP_LIST, false },
		/* before prefixes: a broad grant hides no narrow deny (L02) */
		{ RULE("a/*", L) RULE("a/b", DENY), "a/b/", CAP_LIST, false },
		{ RULE("a/b/*", L) RULE("a/b", DENY), "a/b/", CAP_LIST, false },
		{ RULE("a/b", R), "a/b/", CAP_READ, false },
	};

	(void)state;
	ask_all(questions, ARRAY_LEN(questions));
}

static void
same_pattern_joins_over_policies(void **state)
{
	const char *texts[] = { RULE("a", R) RULE("a", L), RULE("a", U),
		RULE("a*", DENY), NULL };
	struct acl_fixture fixture;

	(void)state;
	acl_fixture_init(&fixture, texts);
	assert_int_equal(acl_capabilities(&fixture.acl, "a"),
		CAP_READ | CAP_LIST | CAP_UPDATE);
	assert_int_equal(acl_capabilities(&fixture.acl, "/a"), CAP_DENY);
	assert_int_equal(acl_capabilities(&fixture.acl, "ab"), CAP_DENY);
	assert_int_equal(acl_capabilities(&fixture.acl, "b"), CAP_DENY);
	acl_fixture_clear(&fixture);
}

static void
deny_wipes_the_rest(void **state)
{
	const char *texts[] = { RULE("a", R), RULE("a", DENY), RULE("a", U),
		NULL };
	struct acl_fixture fixture;

	(void)state;
	acl_fixture_init(&fixture, texts);
	assert_int_equal(acl_capabilities(&fixture.acl, "a"), CAP_DENY);
	assert_false(acl_fixture_allows(&fixture, CAP_READ, "a", NULL));
	acl_fixture_clear(&fixture);
}

struct parameter_case {
	const char *keys; /* of the path block */
	const char *data;
	bool allowed;
};

static void
parameters_follow_their_rules(void **state)
{
	static const struct parameter_case cases[] = {
		{ "allowed_parameters = { ip = [] }", "{\"ip\":\"1\"}", true },
		{ "allowed_parameters = { IP = [] }", "{\"Ip\":\"1\"}", true },
		{ "allowed_parameters = { ip = [] }", "{\"user\":\"1\"}",
			false },
		{ "allowed_parameters = { ip = [] }", "{\"ip\":1,\"user\":1}",
			false },
		{ "allowed_parameters = { ip = [] }", "{}", true },
		{ "allowed_parameters = { ip = [] }", NULL, true },
		{ "allowed_parameters = { ip = [\"10.*\"] }",
			"{\"ip\":\"10.1\"}", true },
		{ "allowed_parameters = { ip = [\"10.*\"] }",
			"{\"ip\":\"11.1\"}", false },
		{ "allowed_parameters = { ip = [\"*.1\"] }",
			"{\"ip\":\"11.1\"}", true },
		{ "allowed_parameters = { ip = [\"*.*\"] }",
			"{\"ip\":\"11.1\"}", true },
		{ "allowed_parameters = { ip = [\"*.*\"] }", "{\"ip\":\"111\"}",
			false },
		{ "allowed_parameters = { ip = [\"*\"] }", "{\"ip\":\"11\"}",
			false },
		{ "allowed_parameters = { ip = [\"*\"] }", "{\"ip\":\"*\"}",
			true },
		{ "allowed_parameters = { ip = [\"**\"] }", "{\"ip\":\"x\"}",
			true },
		{ "allowed_parameters = { on = [true] }", "{\"on\":true}",
			true },
		{ "allowed_parameters = { on = [true] }", "{\"on\":false}",
			false },
		{ "allowed_parameters = { on = [\"true\"] }", "{\"on\":true}",
			false },
		{ "allowed_parameters = { n = [5, \"5\"] }", "{\"n\":5}",
			false },
		{ "allowed_parameters = { n = [5] }", "{\"n\":\"5\"}", false },
		{ "allowed_parameters = { l = [\"a\"] }", "{\"l\":[\"a\"]}",
			false },
		{ "allowed_parameters = { l = [] }", "{\"l\":[\"a\"]}", true },
		{ "allowed_parameters = { \"*\" = [], ip = [\"x\"] }",
			"{\"user\":1,\"ip\":\"x\"}", true },
		{ "allowed_parameters = { \"*\" = [], ip = [\"x\"] }",
			"{\"user\":1,\"ip\":\"y\"}", false },
		{ "denied_parameters = { ip = [] }", "{\"ip\":\"1\"}", false },
		{ "denied_parameters = { ip = [] }", "{\"user\":\"1\"}", true },
		{ "denied_parameters = { ip = [\"1\"] }", "{\"IP\":\"1\"}",
			false },
		{ "denied_parameters = { ip = [\"1\"] }", "{\"ip\":\"2\"}",
			true },
		{ "denied_parameters = { ip = [\"1\"] }", "{\"ip\":[\"1\"]}",
			true },
		{ "denied_parameters = { \"*\" = [] }", "{\"x\":1}", false },
		{ "denied_parameters = { \"*\" = [\"y\"] }", "{\"x\":1}",
			false },
		{ "denied_parameters = { \"*\" = [] }", "{}", true },
		{ "required_parameters = [\"IP\"]", "{\"ip\":1}", true },
		{ "required_parameters = [\"ip\"]", "{\"IP\":1}", true },
		{ "required_parameters = [\"ip\"]", "{\"x\":1}", false },
		{ "required_parameters = [\"ip\"]", NULL, false },
	};
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(text, sizeof(text),
			"path \"a\" { capabilities = [\"update\", \"delete\"]\n"
			"%s }",
			cases[i].keys);
		if (policy_allows(text, CAP_UPDATE, "a", cases[i].data) !=
			cases[i].allowed)
			fail_msg("%s with %s", cases[i].keys,
				cases[i].data == NULL ? "no data"
						      : cases[i].data);
		/* delete is not checked */
		assert_true(
			policy_allows(text, CAP_DELETE, "a", cases[i].data));
	}
}

static void
parameter_maps_join_by_key(void **state)
{
	const char *texts[] = {
		"path \"a\" { capabilities = [\"update\"]\n"
		"allowed_parameters = { x = [\"1\"], y = [\"1\"] } }",
		"path \"a\" { allowed_parameters = { x = [\"2\"], y = [] } }",
		"path \"a\" { required_parameters = [\"y\"] }", NULL
	};
	struct acl_fixture fixture;

	(void)state;
	acl_fixture_init(&fixture, texts);
	assert_true(acl_fixture_allows(
		&fixture, CAP_UPDATE, "a", "{\"x\":\"1\",\"y\":\"7\"}"));
	assert_true(acl_fixture_allows(
		&fixture, CAP_UPDATE, "a", "{\"x\":\"2\",\"y\":\"1\"}"));
	assert_false(acl_fixture_allows(
		&fixture, CAP_UPDATE, "a", "{\"x\":\"3\",\"y\":\"1\"}"));
	assert_false(
		acl_fixture_allows(&fixture, CAP_UPDATE, "a", "{\"x\":\"1\"}"));
	acl_fixture_clear(&fixture);
}

static bool
wraps(struct acl_fixture *fixture, int64_t ttl_s)
{
	struct acl_request request = {
		.path = "a",
		.wants = CAP_READ,
		.wrap_ttl_s = ttl_s,
	};
	struct err err = { 0 };
	bool sudo;

	return acl_check(&fixture->acl, &request, &sudo, &err) == 0;
}

static void
wrapping_times_are_bounds(void **state)
{
	const char *texts[] = {
		"path \"a\" { capabilities = [\"read\"]\n"
		"min_wrapping_ttl = \"20s\" max_wrapping_ttl = \"1h\" }",
		"path \"a\" { min_wrapping_ttl = 10 max_wrapping_ttl = 100 }",
		NULL
	};
	struct acl_fixture fixture;

	(void)state;
	acl_fixture_init(&fixture, texts);
	assert_false(wraps(&fixture, 0));
	assert_false(wraps(&fixture, 9));
	assert_true(wraps(&fixture, 10));
	assert_true(wraps(&fixture, 100));
	assert_false(wraps(&fixture, 101));
	acl_fixture_clear(&fixture);
}

static int
ask_sudo(struct acl_fixture *fixture, const char *path, bool *ret_sudo)
{
	struct acl_request request = {
		.path = path,
		.wants = CAP_UPDATE,
		.wants_sudo = true,
	};
	struct err err = { 0 };

	return acl_check(&fixture->acl, &request, ret_sudo, &err);
}

static void
sudo_comes_on_top(void **state)
{
	const char *texts[] = { RULE("a", "\"sudo\"") RULE("b", U)
					RULE("c", "\"sudo\", \"update\""),
		NULL };
	struct acl_fixture fixture;
	bool sudo = false;

	(void)state;
	acl_fixture_init(&fixture, texts);
	assert_int_equal(ask_sudo(&fixture, "a", &sudo), ERR_DENIED);
	assert_int_equal(ask_sudo(&fixture, "b", &sudo), ERR_DENIED);
	assert_int_equal(ask_sudo(&fixture, "c", &sudo), 0);
	assert_true(sudo);
	acl_fixture_clear(&fixture);
}

static void
root_may_everything(void **state)
{
	struct acl acl = { .root = true };
	struct acl_request request = {
		.path = "a",
		.wants = CAP_DELETE,
		.wants_sudo = true,
	};
	struct err err = { 0 };
	bool sudo = false;

	(void)state;
	assert_int_equal(acl_check(&acl, &request, &sudo, &err), 0);
	assert_true(sudo);
	assert_int_equal(acl_capabilities(&acl, "a"), CAP_ROOT);
	assert_true(acl_has_any_below(&acl, "ssh/"));
}

static void
capabilities_are_listed_by_name(void **state)
{
	static const struct {
		unsigned bits;
		const char *first;
		size_t n;
	} cases[] = {
		{ CAP_UPDATE | CAP_CREATE | CAP_SUDO, "create", 3 },
		{ CAP_DENY, "deny", 1 },
		{ CAP_DENY | CAP_READ, "deny", 1 },
		{ 0, "deny", 1 },
		{ CAP_ROOT, "root", 1 },
	};
	struct arena *arena = arena_new(65536);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct value *list = capabilities_value(arena, cases[i].bits);

		assert_int_equal(list->n, cases[i].n);
		assert_string_equal(list->first->str, cases[i].first);
	}
	arena_free(&arena);
}

static void
rights_below_a_mount_are_seen(void **state)
{
	static const struct {
		const char *text;
		bool seen;
	} cases[] = {
		{ RULE("ssh/creds/web", U), true },
		{ RULE("ssh/creds/*", U), true },
		{ RULE("ssh/*", U), true },
		{ RULE("s*", U), true },
		{ RULE("*", U), true },
		{ RULE("+/creds/web", U), true },
		{ RULE("ssh/+/web", U), true },
		{ RULE("kv/+/web", U), false },
		{ RULE("ssh/creds/web", DENY), false },
		{ RULE("ssh/creds/web", ""), false },
		{ RULE("s*", U) RULE("ssh/*", DENY), false },
		{ RULE("kv/*", U), false },
		{ "", false },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *texts[] = { cases[i].text, NULL };
		struct acl_fixture fixture;

		acl_fixture_init(&fixture, texts);
		if (acl_has_any_below(&fixture.acl, "ssh/") != cases[i].seen)
			fail_msg("%s", cases[i].text);
		acl_fixture_clear(&fixture);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_pattern_decides),
		cmocka_unit_test(plus_is_one_segment),
		cmocka_unit_test(list_looks_without_its_slash_too),
		cmocka_unit_test(same_pattern_joins_over_policies),
		cmocka_unit_test(deny_wipes_the_rest),
		cmocka_unit_test(parameters_follow_their_rules),
		cmocka_unit_test(parameter_maps_join_by_key),
		cmocka_unit_test(wrapping_times_are_bounds),
		cmocka_unit_test(sudo_comes_on_top),
		cmocka_unit_test(root_may_everything),
		cmocka_unit_test(capabilities_are_listed_by_name),
		cmocka_unit_test(rights_below_a_mount_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
