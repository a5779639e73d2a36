/* creds/:role: who gets a password, for what and for how long. */
#include "tests/unit/ssh/ssh_fixture.h"

#define NOT_OF_ROLE "Error validating IP: IP does not belong to role"

static void
askers_are_told_what_is_wrong(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/creds/web", "{}", 400, "Missing ip", NULL },
		{ "POST", "ssh/creds/no", WEB_ASKED, 400,
			"Role \"no\" not found", NULL },
		{ "POST", "ssh/creds/no", "{}", 400, "Missing ip", NULL },
		{ "POST", "ssh/creds/web", "{\"ip\":\"host\"}", 400,
			"Invalid IP \"host\"", NULL },
		{ "POST", "ssh/creds/web", "{\"ip\":\"10.01.2.3\"}", 400,
			"Invalid IP \"10.01.2.3\"", NULL },
		{ "POST", "ssh/creds/web", "{\"ip\":\"192.0.2.1\"}", 400,
			NOT_OF_ROLE, NULL },
		{ "POST", "ssh/creds/web", "{\"ip\":\"10.9.0.1\"}", 400,
			NOT_OF_ROLE, NULL },
		{ "POST", "ssh/creds/web", "{\"ip\":\"::ffff:10.9.0.1\"}", 400,
			NOT_OF_ROLE, NULL },
		{ "POST", "ssh/creds/web",
			"{\"ip\":\"10.1.2.3\",\"username\":\"eve\"}", 400,
			"Username is not present is allowed users list", NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
a_password_says_what_it_is_for(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/creds/web", WEB_ASKED, 200, NULL,
			"\"key_type\":\"otp\",\"port\":22,\"username\":\"ubuntu\"" },
		{ "POST", "ssh/creds/web",
			"{\"ip\":\"::ffff:10.1.2.3\",\"username\":\"bob\"}",
			200, NULL, "\"ip\":\"10.1.2.3\"" },
		{ "POST", "ssh/creds/web", WEB_ASKED, 200, NULL,
			"\"lease_duration\":600" },
		{ "POST", "ssh/creds/web", WEB_ASKED, 200, NULL,
			"\"renewable\":false" },
		{ "POST", "ssh/creds/web", WEB_ASKED, 200, NULL,
			"\"lease_id\":\"ssh/creds/web/" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

/* Role, else mount, else server; never past the role's or mount's most. */
static void
the_nearest_lifetime_holds(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/roles/web",
			"{\"key_type\":\"otp\",\"default_user\":\"u\",\"cidr_list\":\"10.0.0.0/8\",\"ttl\":\"20m\",\"max_ttl\":\"30m\"}",
			204, NULL, NULL },
		{ "POST", "ssh/creds/web", WEB_ASKED, 200, NULL,
			"\"lease_duration\":1200" },
		{ "POST", "sys/mounts/ssh/tune",
			"{\"default_lease_ttl\":\"5m\",\"max_lease_ttl\":\"15m\"}",
			204, NULL, NULL },
		{ "POST", "ssh/creds/web", WEB_ASKED, 200, NULL,
			"\"lease_duration\":900" },
		{ "POST", "ssh/roles/web",
			"{\"key_type\":\"otp\",\"default_user\":\"u\",\"cidr_list\":\"10.0.0.0/8\"}",
			204, NULL, NULL },
		{ "POST", "ssh/creds/web", WEB_ASKED, 200, NULL,
			"\"lease_duration\":300" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
the_last_use_of_a_token_gets_no_lease(void **state)
{
	const char *token = api_make_token(fixture, USE_ANY_CREDS,
		"{\"policies\":[\"mine\"],\"num_uses\":1}");

	(void)state;
	api_call_as(fixture, token, "POST", "ssh/creds/web", WEB_ASKED, &reply);
	assert_int_equal(reply.status, 400);
	assert_non_null(strstr(api_error(&reply), "one use left"));
}

static void
a_deleted_role_gives_nothing_and_a_changed_one_counts_at_once(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/creds/web", WEB_ASKED, 200, NULL, NULL },
		{ "POST", "ssh/roles/web",
			"{\"key_type\":\"otp\",\"default_user\":\"u\",\"cidr_list\":\"10.2.0.0/16\"}",
			204, NULL, NULL },
		{ "POST", "ssh/creds/web", WEB_ASKED, 400, NOT_OF_ROLE, NULL },
		{ "DELETE", "ssh/roles/web", NULL, 204, NULL, NULL },
		{ "POST", "ssh/creds/web", "{\"ip\":\"10.2.0.1\"}", 400,
			"Role \"web\" not found", NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(askers_are_told_what_is_wrong),
		MOUNTED(a_password_says_what_it_is_for),
		MOUNTED(the_nearest_lifetime_holds),
		MOUNTED(the_last_use_of_a_token_gets_no_lease),
		MOUNTED(a_deleted_role_gives_nothing_and_a_changed_one_counts_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
