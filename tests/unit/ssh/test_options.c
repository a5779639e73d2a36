/* config/options: switches, and what each of them changes. */
#include "tests/unit/ssh/ssh_fixture.h"

#define OPTIONS "ssh/config/options"

static void
switches_are_off_until_set_and_left_out_ones_go_off(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", OPTIONS, NULL, 200, NULL,
			"\"lookup_filter_by_policy\":false" },
		{ "POST", OPTIONS, "{\"lookup_filter_by_policy\":true}", 204,
			NULL, NULL },
		{ "GET", OPTIONS, NULL, 200, NULL,
			"\"lookup_filter_by_policy\":true" },
		{ "POST", OPTIONS, "{\"zeroaddress_requires_sudo\":\"true\"}",
			204, NULL, NULL },
		{ "GET", OPTIONS, NULL, 200, NULL,
			"\"lookup_filter_by_policy\":false" },
		{ "GET", OPTIONS, NULL, 200, NULL,
			"\"zeroaddress_requires_sudo\":true" },
		{ "POST", OPTIONS, "{\"zeroaddress_requires_sudo\":\"maybe\"}",
			400, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
lookup_names_only_usable_roles_when_told_to(void **state)
{
	static const struct api_step filter[] = {
		{ "POST", "ssh/roles/web2", WEB_ROLE, 204, NULL, NULL },
		{ "POST", OPTIONS, "{\"lookup_filter_by_policy\":true}", 204,
			NULL, NULL },
		{ "POST", "ssh/lookup", WEB_ASKED, 200, NULL,
			"\"roles\":[\"web\",\"web2\"]" },
	};
	static const struct api_step all[] = { { "POST", "ssh/lookup",
		WEB_ASKED, 200, NULL, "\"roles\":[\"web\",\"web2\"]" } };
	static const struct api_step some[] = { { "POST", "ssh/lookup",
		WEB_ASKED, 200, NULL, "\"roles\":[\"web2\"]" } };
	const char *token = api_make_token(fixture,
		"path \"ssh/lookup\" { capabilities = [\"update\"] }\n"
		"path \"ssh/creds/web2\" { capabilities = [\"update\"] }",
		"{\"policies\":[\"mine\"]}");

	(void)state;
	api_run_steps(fixture, filter, 1);
	api_run_steps_as(fixture, token, all, 1);
	API_RUN_STEPS(fixture, filter);
	api_run_steps_as(fixture, token, some, 1);
}

static void
changing_the_list_needs_sudo_when_told_to(void **state)
{
	static const struct api_step on[] = { { "POST", OPTIONS,
		"{\"zeroaddress_requires_sudo\":true}", 204, NULL, NULL } };
	static const struct api_step off[] = { { "POST", OPTIONS, "{}", 204,
		NULL, NULL } };
	static const struct api_step write[] = { { "POST",
		"ssh/config/zeroaddress", "{\"roles\":\"web\"}", 403, NULL,
		NULL } };
	static const struct api_step written[] = { { "POST",
		"ssh/config/zeroaddress", "{\"roles\":\"web\"}", 204, NULL,
		NULL } };
	const char *token = api_make_token(fixture,
		"path \"ssh/config/zeroaddress\" { capabilities = [\"update\", \"delete\"] }",
		"{\"policies\":[\"mine\"]}");

	(void)state;
	API_RUN_STEPS(fixture, on);
	api_run_steps_as(fixture, token, write, 1);
	API_RUN_STEPS(fixture, written);
	api_call_as(fixture, token, "DELETE", "ssh/config/zeroaddress", NULL,
		&reply);
	assert_int_equal(reply.status, 403);
	API_RUN_STEPS(fixture, off);
	api_run_steps_as(fixture, token, written, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(switches_are_off_until_set_and_left_out_ones_go_off),
		MOUNTED(lookup_names_only_usable_roles_when_told_to),
		MOUNTED(changing_the_list_needs_sudo_when_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
