/* auth/token as callers see it: make, look up, renew, revoke. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/auth/auth.h"
#include "server/core/policy.h"
#include "server/sys/sys.h"
#include "tests/support/api_steps.h"

#define LISTED(text) "1 error occurred:\n\t* " text "\n\n"
#define MAY_MAKE                                                               \
	"path \"auth/token/*\" { capabilities = [\"update\", \"read\"] }"

static struct api_fixture *fixture;
static struct api_reply reply;

static int
setup(void **state)
{
	static const struct mount_type *const types[] = { &sys_mount_type,
		&token_mount_type, NULL };

	(void)state;
	fixture = api_fixture_new(types);
	return fixture == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	api_fixture_free(&fixture);
	return 0;
}

static const char *
make(const char *body)
{
	return api_make_token(fixture, MAY_MAKE, body);
}

/* POST with `{"<name>":"<value>"}`; the status. */
static int
post(const char *path, const char *name, const char *value)
{
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", name, value);
	api_call(fixture, OP_UPDATE, path, body, &reply);
	return reply.status;
}

static bool
is_alive(const char *token)
{
	return post("auth/token/lookup", "token", token) == 200;
}

/* A token made by another one. */
static const char *
make_child(const char *parent)
{
	api_call_as(fixture, parent, "POST", "auth/token/create", "{}", &reply);
	assert_int_equal(reply.status, 200);
	return value_find_str(
		value_find(reply.json, "auth"), "client_token", NULL);
}

static const char *
accessor_of(const char *token)
{
	assert_true(is_alive(token));
	return value_find_str(reply.data, "accessor", "");
}

static void
a_new_token_is_what_was_asked(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "auth/token/create",
			"{\"policies\":[\"b\",\"a\"],\"ttl\":\"1h\",\"meta\":{\"k\":\"v\"},\"display_name\":\"ci x\"}",
			200, NULL, "\"policies\":[\"a\",\"b\",\"default\"]" },
		{ "POST", "auth/token/create", "{\"policies\":[\"a\"]}", 200,
			NULL, "Policy \\\"a\\\" does not exist" },
		{ "POST", "auth/token/create",
			"{\"policies\":[\"a\"],\"ttl\":\"99999h\"}", 200, NULL,
			"TTL value is capped accordingly" },
		{ "POST", "auth/token/create", "{\"id\":\"mine\"}", 200, NULL,
			"\"client_token\":\"mine\"" },
		{ "POST", "auth/token/create", "{\"id\":\"mine\"}", 400,
			"cannot create a token with a duplicate ID", NULL },
		{ "POST", "auth/token/create", "{\"ttl\":-5}", 400, NULL,
			NULL },
		{ "POST", "auth/token/create", "{\"policies\":\"a,b\"}", 200,
			NULL, "\"a,b\"" },
		{ "POST", "auth/token/create",
			"{\"ttl\":\"0s\",\"period\":\"0s\",\"explicit_max_ttl\":\"0s\",\"num_uses\":0}",
			200, NULL, "\"lease_duration\":0,\"renewable\":false" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
a_look_up_says_what_the_token_is(void **state)
{
	const char *token = make(
		"{\"policies\":[\"mine\"],\"ttl\":3600,\"meta\":{\"k\":\"v\"},\"num_uses\":7}");

	(void)state;
	assert_true(is_alive(token));
	assert_string_equal(value_find_str(reply.data, "id", ""), token);
	assert_int_equal(value_find_int(reply.data, "num_uses", 0), 7);
	assert_int_equal(value_find_int(reply.data, "creation_ttl", 0), 3600);
	assert_string_equal(
		value_find_str(value_find(reply.data, "meta"), "k", ""), "v");
	assert_int_equal(post("auth/token/lookup-accessor", "accessor",
				 value_find_str(reply.data, "accessor", "")),
		200);
	assert_string_equal(value_find_str(reply.data, "id", "?"), "");
	api_call_as(
		fixture, token, "GET", "auth/token/lookup-self", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find_int(reply.data, "num_uses", 0), 6);
}

static void
unknown_tokens_are_told_so(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "auth/token/lookup", "{\"token\":\"hvs.no\"}", 403,
			"bad token", NULL },
		{ "POST", "auth/token/lookup-accessor", "{}", 400,
			LISTED("missing accessor"), NULL },
		{ "POST", "auth/token/lookup-accessor", "{\"accessor\":\"x\"}",
			400, LISTED("invalid accessor"), NULL },
		{ "POST", "auth/token/renew", "{}", 400, "missing token ID",
			NULL },
		{ "POST", "auth/token/renew", "{\"token\":\"x\"}", 400,
			"token not found", NULL },
		{ "POST", "auth/token/renew-accessor", "{\"accessor\":\"x\"}",
			400, LISTED("invalid accessor"), NULL },
		{ "POST", "auth/token/revoke", "{}", 400, "missing token ID",
			NULL },
		{ "POST", "auth/token/revoke", "{\"token\":\"x\"}", 204, NULL,
			NULL },
		{ "POST", "auth/token/revoke-accessor", "{\"accessor\":\"x\"}",
			400, LISTED("invalid accessor"), NULL },
		{ "POST", "auth/token/revoke-orphan", "{}", 400,
			"missing token ID", NULL },
		{ "POST", "auth/token/revoke-orphan", "{\"token\":\"x\"}", 400,
			"token to revoke not found", NULL },
		{ "POST", "auth/token/renew-self", "{}", 400,
			"lease is not renewable", NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
revoking_takes_the_tree(void **state)
{
	static const char *const by_token[] = { "auth/token/revoke",
		"auth/token/revoke-accessor" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(by_token); i++) {
		const char *parent = make("{\"policies\":[\"mine\"]}");
		const char *child = make_child(parent);
		const char *grandchild = make_child(child);

		assert_int_equal(i == 0 ? post(by_token[i], "token", parent)
					: post(by_token[i], "accessor",
						  accessor_of(parent)),
			204);
		assert_false(is_alive(parent));
		assert_false(is_alive(child));
		assert_false(is_alive(grandchild));
	}
}

static void
orphans_outlive_their_makers(void **state)
{
	const char *parent = make("{\"policies\":[\"mine\"]}");
	const char *child = make_child(parent);
	const char *orphan;

	(void)state;
	api_call_as(fixture, parent, "POST", "auth/token/create-orphan", "{}",
		&reply);
	assert_int_equal(reply.status, 200);
	orphan = value_find_str(
		value_find(reply.json, "auth"), "client_token", NULL);
	assert_int_equal(
		post("auth/token/revoke-orphan", "token", parent), 204);
	assert_false(is_alive(parent));
	assert_true(is_alive(child));
	assert_true(value_find_bool(reply.data, "orphan", false));
	assert_true(is_alive(orphan));
}

static void
without_sudo_no_orphan_is_made_by_revoking(void **state)
{
	const char *token = make("{\"policies\":[\"mine\"]}");

	(void)state;
	api_call_as(fixture, token, "POST", "auth/token/revoke-orphan",
		"{\"token\":\"x\"}", &reply);
	assert_string_equal(api_error(&reply),
		"root or sudo privileges required to revoke and orphan");
	api_call_as(
		fixture, token, "LIST", "auth/token/accessors", NULL, &reply);
	assert_int_equal(reply.status, 403);
}

/* reliability.md L14: a child has no more rights and no longer path. */
static void
a_child_has_no_policy_that_its_maker_lacks(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "auth/token/create", "{\"policies\":[\"ops\"]}", 400,
			"child policies must be subset of parent", NULL },
		{ "POST", "auth/token/create", "{\"policies\":[\"ROOT \"]}",
			400, "child policies must be subset of parent", NULL },
		{ "POST", "auth/token/create", "{\"period\":\"1h\"}", 400, NULL,
			"periodic" },
		{ "POST", "auth/token/create", "{}", 200, NULL,
			"\"policies\":[\"default\",\"mine\"]" },
	};
	const char *token = make("{\"policies\":[\"mine\"]}");

	(void)state;
	api_run_steps_as(fixture, token, steps, ARRAY_LEN(steps));
}

static void
renewing_counts_from_now_and_stops_at_the_most(void **state)
{
	const char *token = make(
		"{\"policies\":[\"mine\"],\"ttl\":\"10m\",\"explicit_max_ttl\":\"30m\"}");

	static const struct {
		int64_t at_s;
		const char *body;
		int64_t want_s;
	} cases[] = {
		{ 300, "{}", 600 },
		{ 600, "{\"increment\":\"15m\"}", 900 },
		{ 1200, "{\"increment\":3600}", 600 },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t have_s;

		fixture->clock_ahead_ns = cases[i].at_s * CLOCK_NS_PER_S;
		api_call_as(fixture, token, "POST", "auth/token/renew-self",
			cases[i].body, &reply);
		assert_int_equal(reply.status, 200);
		have_s = value_find_int(
			value_find(reply.json, "auth"), "lease_duration", 0);
		/* The test's own seconds come off the last one. */
		if (have_s > cases[i].want_s || have_s < cases[i].want_s - 60)
			fail_msg("%zu: %lld", i, (long long)have_s);
	}
	fixture->clock_ahead_ns = 1800 * CLOCK_NS_PER_S;
	assert_false(is_alive(token));
}

static void
the_last_use_is_the_last(void **state)
{
	const char *token = make("{\"policies\":[\"mine\"],\"num_uses\":2}");
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		api_call_as(fixture, token, "GET", "auth/token/lookup-self",
			NULL, &reply);
		assert_int_equal(reply.status, i < 2 ? 200 : 403);
	}
}

static void
accessors_of_live_tokens_are_listed(void **state)
{
	const char *kept = accessor_of(make("{}"));
	const char *gone = accessor_of(make("{}"));

	(void)state;
	assert_int_equal(
		post("auth/token/revoke-accessor", "accessor", gone), 204);
	api_call(fixture, OP_LIST, "auth/token/accessors", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(reply.body, kept));
	assert_null(strstr(reply.body, gone));
	assert_null(strstr(reply.body, "hvs."));
}

#define LARGE 200 /* policies of the largest size */

static int
put_large_policies(struct store_tx *tx, UNUSED void *ctx, struct err *err)
{
	struct arena *arena = arena_new(4 * POLICY_TEXT_MAX);
	struct value *policy = value_object(arena);
	char *text = arena_alloc(arena, POLICY_TEXT_MAX, 1);
	char name[32];
	int rc = 0;

	memset(text, '#', POLICY_TEXT_MAX - 1);
	assert_true(value_set_str(arena, policy, "policy", text));
	for (int i = 0; rc == 0 && i < LARGE; i++) {
		(void)snprintf(name, sizeof(name), "policies/n%03d", i);
		rc = kv_put(tx, &fixture->server->system, name, policy, err);
	}
	arena_free(&arena);
	return rc;
}

/* Whether they are there is asked, not what is in them. */
static void
a_token_may_have_many_large_policies(void **state)
{
	struct err err = { 0 };
	struct buf body;

	(void)state;
	assert_int_equal(store_write(fixture->server->store, put_large_policies,
				 NULL, &err),
		0);
	buf_init(&body, 16384);
	(void)buf_add_str(&body, "{\"policies\":[\"missing\"");
	for (int i = 0; i < LARGE; i++)
		(void)buf_addf(&body, ",\"n%03d\"", i);
	(void)buf_add_str(&body, "]}");
	api_call(fixture, OP_UPDATE, "auth/token/create", buf_str(&body),
		&reply);
	buf_clear(&body);
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find(reply.json, "warnings")->n, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_token_is_what_was_asked),
		TEST(a_look_up_says_what_the_token_is),
		TEST(unknown_tokens_are_told_so),
		TEST(revoking_takes_the_tree),
		TEST(orphans_outlive_their_makers),
		TEST(without_sudo_no_orphan_is_made_by_revoking),
		TEST(a_child_has_no_policy_that_its_maker_lacks),
		TEST(renewing_counts_from_now_and_stops_at_the_most),
		TEST(the_last_use_is_the_last),
		TEST(accessors_of_live_tokens_are_listed),
		TEST(a_token_may_have_many_large_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
