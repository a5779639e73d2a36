/* sys/internal: who sees which mounts. */
#include "tests/unit/sys/sys_fixture.h"

#define UI "sys/internal/ui/mounts"
#define PREFLIGHT                                                              \
	"preflight capability check returned 403, please ensure client's policies grant access to path "

static void
strangers_see_only_what_is_shown_to_them(void **state)
{
	static const struct api_step hidden[] = {
		{ "GET", UI, NULL, 200, NULL,
			"\"data\":{\"auth\":{},\"secret\":{}}" },
		{ "GET", UI "/ssh", NULL, 400, "missing client token", NULL },
	};
	static const struct api_step tune[] = { { "POST", "sys/mounts/ssh/tune",
		"{\"listing_visibility\":\"unauth\"}", 204, NULL, NULL } };
	static const struct api_step shown[] = {
		{ "GET", UI, NULL, 200, NULL,
			"\"secret\":{\"ssh/\":{\"type\":\"ssh\",\"description\":\"\",\"options\":" }
	};

	(void)state;
	api_run_steps_as(fixture, NULL, hidden, ARRAY_LEN(hidden));
	API_RUN_STEPS(fixture, tune);
	api_run_steps_as(fixture, NULL, shown, 1);
	assert_int_equal(api_mount(fixture, "ssh", "other/"), 0);
	api_call_as(fixture, NULL, "GET", UI, NULL, &reply);
	assert_null(strstr(reply.body, "other/"));
	assert_null(strstr(reply.body, "accessor"));
}

static void
a_token_sees_mounts_that_it_has_rights_below(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", UI, NULL, 200, NULL, "\"ssh/\":{\"type\":\"ssh\"" },
		{ "GET", UI "/ssh/creds/web", NULL, 200, NULL,
			"\"path\":\"ssh/\"" },
		{ "GET", UI "/ssh", NULL, 200, NULL, "\"accessor\":\"ssh_" },
		{ "GET", UI "/auth/token", NULL, 200, NULL,
			"\"path\":\"token/\"" },
		{ "GET", UI "/other", NULL, 403, PREFLIGHT "\"other/\"", NULL },
		{ "GET", UI "/nowhere", NULL, 403, PREFLIGHT "\"nowhere/\"",
			NULL },
	};
	const char *token = api_make_token(fixture,
		"path \"ssh/creds/web\" { capabilities = [\"update\"] }",
		"{\"policies\":[\"mine\"]}");

	(void)state;
	assert_int_equal(api_mount(fixture, "ssh", "other/"), 0);
	api_run_steps_as(fixture, token, steps, ARRAY_LEN(steps));
	api_call_as(fixture, token, "GET", UI, NULL, &reply);
	assert_null(strstr(reply.body, "other/"));
}

static void
openapi_describes_what_the_caller_may_see(void **state)
{
	(void)state;
	api_call(fixture, OP_READ, "sys/internal/specs/openapi", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(value_find_str(reply.json, "openapi", ""), "3.0.2");
	assert_non_null(value_find(
		value_find(reply.json, "paths"), "/ssh/creds/{role}"));
	api_call_as(fixture, NULL, "GET", "sys/internal/specs/openapi", NULL,
		&reply);
	assert_int_equal(reply.status, 200);
	assert_null(strstr(reply.body, "/ssh/creds"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(strangers_see_only_what_is_shown_to_them),
		MOUNTED(a_token_sees_mounts_that_it_has_rights_below),
		MOUNTED(openapi_describes_what_the_caller_may_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
