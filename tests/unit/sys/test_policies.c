/* sys/policies/acl and sys/policy, its old form. */
#include <stdlib.h>

#include "tests/unit/sys/sys_fixture.h"

#define ACL "sys/policies/acl"
#define RULE "path \\\"a\\\" { capabilities = [\\\"read\\\"] }"
#define POLICY "{\"policy\":\"" RULE "\"}"

static void
a_policy_is_kept_as_it_was_sent(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", ACL "/ops", NULL, 404, NULL, NULL },
		{ "POST", ACL "/Ops", POLICY, 204, NULL, NULL },
		{ "GET", ACL "/ops", NULL, 200, NULL,
			"\"data\":{\"name\":\"ops\",\"policy\":\"" RULE "\"}" },
		{ "GET", ACL "/OPS", NULL, 200, NULL, "\"name\":\"ops\"" },
		/* path "b" {} in base64 */
		{ "POST", ACL "/b", "{\"policy\":\"cGF0aCAiYiIge30=\"}", 204,
			NULL, NULL },
		{ "GET", ACL "/b", NULL, 200, NULL,
			"\"policy\":\"path \\\"b\\\" {}\"" },
		{ "LIST", ACL, NULL, 200, NULL,
			"\"keys\":[\"b\",\"default\",\"ops\",\"root\"]" },
		{ "DELETE", ACL "/ops", NULL, 204, NULL, NULL },
		{ "DELETE", ACL "/ops", NULL, 204, NULL, NULL },
		{ "GET", ACL "/ops", NULL, 404, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
the_old_form_shows_rules(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "sys/policy/ops", "{\"rules\":\"" RULE "\"}", 200,
			NULL,
			"'rules' is deprecated, please use 'policy' instead" },
		{ "GET", "sys/policy/ops", NULL, 200, NULL,
			"\"data\":{\"name\":\"ops\",\"rules\":\"" RULE "\"}" },
		{ "GET", "sys/policy", NULL, 200, NULL,
			"\"policies\":[\"default\",\"ops\",\"root\"]" },
		{ "LIST", "sys/policy", NULL, 200, NULL,
			"\"keys\":[\"default\",\"ops\",\"root\"]" },
		{ "DELETE", "sys/policy/ops", NULL, 204, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
bad_and_fixed_policies_are_refused(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", ACL "/x", "{}", 400,
			"'policy' parameter not supplied or empty", NULL },
		{ "POST", ACL "/x", "{\"policy\":\"path \\\"a\\\" {\"}", 400,
			NULL, "failed to parse policy" },
		{ "POST", ACL "/x",
			"{\"policy\":\"path \\\"a\\\" { capabilities = [\\\"fly\\\"] }\"}",
			400, NULL, "invalid capability" },
		{ "POST", ACL "/root", POLICY, 400,
			"cannot update \"root\" policy", NULL },
		{ "POST", ACL "/ROOT", POLICY, 400,
			"cannot update \"root\" policy", NULL },
		{ "POST", ACL "/response-wrapping", POLICY, 400,
			"cannot update \"response-wrapping\" policy", NULL },
		{ "DELETE", ACL "/Root", NULL, 400,
			"cannot delete \"root\" policy", NULL },
		{ "DELETE", ACL "/control-group", NULL, 400,
			"cannot delete \"control-group\" policy", NULL },
		{ "DELETE", ACL "/Default", NULL, 400,
			"cannot delete default policy", NULL },
		{ "GET", ACL "/Root", NULL, 200, NULL,
			"\"data\":{\"name\":\"root\",\"policy\":\"\"}" },
		{ "GET", "sys/policies/rgp/x", NULL, 404, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

/* reliability.md L16: the next request goes by what stands there now. */
static void
a_changed_policy_counts_for_tokens_at_once(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", ACL "/mine", "{\"policy\":\"path \\\"x\\\" {}\"}",
			204, NULL, NULL },
	};
	const char *token = api_make_token(fixture,
		"path \"sys/policies/acl\" { capabilities = [\"list\"] }",
		"{\"policies\":[\"mine\"]}");

	(void)state;
	api_call_as(fixture, token, "LIST", ACL, NULL, &reply);
	assert_int_equal(reply.status, 200);
	API_RUN_STEPS(fixture, steps);
	api_call_as(fixture, token, "LIST", ACL, NULL, &reply);
	assert_int_equal(reply.status, 403);
}

static void
a_list_longer_than_a_page_is_whole(void **state)
{
	char path[48];
	int i;

	(void)state;
	for (i = 0; i < 510; i++) {
		(void)snprintf(path, sizeof(path), ACL "/p%03d", i);
		api_call(fixture, OP_UPDATE, path, POLICY, &reply);
		assert_int_equal(reply.status, 204);
	}
	api_call(fixture, OP_LIST, ACL, NULL, &reply);
	assert_int_equal(value_find(reply.data, "keys")->n, 510 + 2);
}

/* Together more than the memory of a request: a list is of names alone. */
static void
many_large_policies_are_listed(void **state)
{
	const size_t len = POLICY_TEXT_MAX - 100, n = 270;
	char *body = calloc(1, len + 100), path[64];

	(void)state;
	assert_non_null(body);
	(void)snprintf(body, len, "{\"policy\":\"" RULE " # ");
	memset(body + strlen(body), 'x', len);
	memcpy(body + len, "\"}", sizeof("\"}"));
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), ACL "/p%03zu", i);
		api_call(fixture, OP_UPDATE, path, body, &reply);
		assert_int_equal(reply.status, 204);
	}
	free(body);
	api_call(fixture, OP_LIST, ACL, NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find(reply.data, "keys")->n, n + 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_policy_is_kept_as_it_was_sent),
		MOUNTED(the_old_form_shows_rules),
		MOUNTED(bad_and_fixed_policies_are_refused),
		MOUNTED(a_changed_policy_counts_for_tokens_at_once),
		MOUNTED(a_list_longer_than_a_page_is_whole),
		MOUNTED(many_large_policies_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
