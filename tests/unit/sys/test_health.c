/* sys/health, sys/leader, sys/seal-status. */
#include "tests/unit/sys/sys_fixture.h"

static int
health(const char *name, const char *value)
{
	const struct req_pair query[] = { { name, value } };
	const struct api_request request = { .method = "GET",
		.path = "sys/health",
		.query = query,
		.n_query = name[0] == '\0' ? 0 : 1 };

	api_send(fixture, &request, &reply);
	return reply.status;
}

static void
codes_follow_the_state_and_the_query(void **state)
{
	static const struct {
		const char *name, *value;
		int open, sealed;
	} cases[] = {
		{ "", "", 200, 503 },
		{ "activecode", "204", 204, 503 },
		{ "sealedcode", "204", 200, 204 },
		{ "uninitcode", "299", 200, 503 },
		{ "standbyok", "true", 200, 503 },
		{ "activecode", "x", 400, 400 },
		{ "sealedcode", "99", 400, 400 },
		{ "standbycode", "600", 400, 400 },
		{ "standbycode", "2e2", 400, 400 },
		{ "activecode", "-200", 400, 400 },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			health(cases[i].name, cases[i].value), cases[i].open);
	api_call(fixture, OP_UPDATE, "sys/seal", NULL, &reply);
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			health(cases[i].name, cases[i].value), cases[i].sealed);
}

static void
a_bad_code_is_refused_without_words(void **state)
{
	(void)state;
	assert_int_equal(health("activecode", "x"), 400);
	assert_string_equal(reply.body, "{\"errors\":[]}\n");
}

static void
what_is_shown_depends_on_the_seal(void **state)
{
	(void)state;
	(void)health("", "");
	assert_false(value_find_bool(reply.json, "sealed", true));
	assert_false(value_find_bool(reply.json, "standby", true));
	assert_string_equal(value_find_str(reply.json, "version", ""), "1.8.0");
	assert_non_null(value_find(reply.json, "cluster_id"));
	api_call(fixture, OP_UPDATE, "sys/seal", NULL, &reply);
	(void)health("", "");
	assert_true(value_find_bool(reply.json, "standby", false));
	assert_string_equal(
		value_find_str(reply.json, "replication_dr_mode", ""),
		"unknown");
	assert_null(value_find(reply.json, "cluster_id"));
}

static void
leader_and_status_are_open_and_bare(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", "sys/leader", NULL, 200, NULL,
			"{\"ha_enabled\":false,\"is_self\":false" },
		{ "GET", "sys/seal-status", NULL, 200, NULL,
			"{\"type\":\"shamir\",\"initialized\":true,\"sealed\":false,\"t\":1,\"n\":1,\"progress\":0,\"nonce\":\"\",\"version\":\"1.8.0\"" },
		{ "POST", "sys/health", "{}", 405, NULL, NULL },
	};

	(void)state;
	api_run_steps_as(fixture, NULL, steps, ARRAY_LEN(steps));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(codes_follow_the_state_and_the_query),
		MOUNTED(a_bad_code_is_refused_without_words),
		MOUNTED(what_is_shown_depends_on_the_seal),
		MOUNTED(leader_and_status_are_open_and_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
