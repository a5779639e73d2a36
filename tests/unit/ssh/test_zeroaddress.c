/* config/zeroaddress: the list, and what being on it means. */
#include "tests/unit/ssh/ssh_fixture.h"

#define ANY_ROLE "{\"key_type\":\"otp\",\"default_user\":\"u\"}"
#define LIST "ssh/config/zeroaddress"

static void
the_list_is_kept_in_order_without_repeats(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", LIST, NULL, 404, NULL, NULL },
		{ "POST", "ssh/roles/any", ANY_ROLE, 204, NULL, NULL },
		{ "POST", LIST, "{}", 400, "Missing roles", NULL },
		{ "POST", LIST, "{\"roles\":\"\"}", 400, "Missing roles",
			NULL },
		{ "POST", LIST, "{\"roles\":\"no\"}", 400,
			"Role \"no\" does not exist", NULL },
		{ "POST", LIST, "{\"roles\":\"web, any,web\"}", 204, NULL,
			NULL },
		{ "GET", LIST, NULL, 200, NULL, "\"roles\":[\"web\",\"any\"]" },
		{ "POST", LIST, "{\"roles\":[\"any\"]}", 204, NULL, NULL },
		{ "GET", LIST, NULL, 200, NULL, "\"roles\":[\"any\"]" },
		{ "DELETE", LIST, NULL, 204, NULL, NULL },
		{ "GET", LIST, NULL, 404, NULL, NULL },
		{ "DELETE", LIST, NULL, 204, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
a_deleted_role_leaves_the_list(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/roles/any", ANY_ROLE, 204, NULL, NULL },
		{ "POST", LIST, "{\"roles\":\"any,web\"}", 204, NULL, NULL },
		{ "DELETE", "ssh/roles/any", NULL, 204, NULL, NULL },
		{ "GET", LIST, NULL, 200, NULL, "\"roles\":[\"web\"]" },
		{ "POST", "ssh/roles/any", ANY_ROLE, 204, NULL, NULL },
		{ "POST", "ssh/creds/any", WEB_ASKED, 400, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

/* Exclusions and the special ranges hold for listed roles as well. */
static void
a_listed_role_is_good_for_any_ordinary_address(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/roles/any",
			"{\"key_type\":\"otp\",\"default_user\":\"u\",\"exclude_cidr_list\":\"192.0.2.0/24\"}",
			204, NULL, NULL },
		{ "POST", "ssh/creds/any", WEB_ASKED, 400, NULL, NULL },
		{ "POST", LIST, "{\"roles\":\"any\"}", 204, NULL, NULL },
		{ "POST", "ssh/creds/any", WEB_ASKED, 200, NULL, NULL },
		{ "POST", "ssh/creds/any", "{\"ip\":\"2001:db8::1\"}", 200,
			NULL, NULL },
		{ "POST", "ssh/creds/any", "{\"ip\":\"192.0.2.9\"}", 400, NULL,
			NULL },
		{ "POST", "ssh/creds/any", "{\"ip\":\"169.254.1.1\"}", 400,
			NULL, NULL },
		{ "POST", "ssh/creds/any", "{\"ip\":\"0.0.0.0\"}", 400, NULL,
			NULL },
		{ "POST", "ssh/creds/any", "{\"ip\":\"ff02::1\"}", 400, NULL,
			NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(the_list_is_kept_in_order_without_repeats),
		MOUNTED(a_deleted_role_leaves_the_list),
		MOUNTED(a_listed_role_is_good_for_any_ordinary_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
