/* roles/:role as callers write, read, list and delete them. */
#include "tests/unit/ssh/ssh_fixture.h"

static void
a_role_is_shown_as_it_holds(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", "ssh/roles/web", NULL, 200, NULL,
			"\"allowed_users\":\"bob\",\"cidr_list\":\"10.0.0.0/8\",\"default_user\":\"ubuntu\",\"exclude_cidr_list\":\"10.9.0.0/16\",\"key_type\":\"otp\",\"port\":22,\"ttl\":600" },
		{ "POST", "ssh/roles/any",
			"{\"key_type\":\"otp\",\"default_user\":\"u\",\"port\":2222,\"max_ttl\":\"1h\"}",
			204, NULL, NULL },
		{ "GET", "ssh/roles/any", NULL, 200, NULL,
			"\"max_ttl\":3600,\"port\":2222}" },
		{ "GET", "ssh/roles/any", NULL, 200, NULL,
			"cidr_list is empty" },
		{ "LIST", "ssh/roles", NULL, 200, NULL,
			"\"key_info\":{\"any\":{\"key_type\":\"otp\"},\"web\":{\"key_type\":\"otp\"}}" },
		{ "LIST", "ssh/roles", NULL, 200, NULL,
			"\"keys\":[\"any\",\"web\"]" },
		{ "DELETE", "ssh/roles/any", NULL, 204, NULL, NULL },
		{ "GET", "ssh/roles/any", NULL, 404, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
a_refused_write_changes_nothing(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/roles/web", "{\"key_type\":\"otp\"}", 400, NULL,
			NULL },
		{ "POST", "ssh/roles/web",
			"{\"key_type\":\"otp\",\"default_user\":\"u\",\"cidr_list\":\"10.0.0.0/08\"}",
			400, NULL, NULL },
		{ "GET", "ssh/roles/web", NULL, 200, NULL,
			"\"default_user\":\"ubuntu\"" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_role_is_shown_as_it_holds),
		MOUNTED(a_refused_write_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
