/* sys/audit and sys/audit-hash as operators call them. */
#include "tests/unit/sys/sys_fixture.h"

static void
a_text_hashes_as_in_the_log(void **state)
{
	const char *hash;

	(void)state;
	assert_non_null(api_audit_file(fixture));
	api_call(fixture, OP_UPDATE, "sys/audit-hash/file",
		"{\"input\":\"10.77.66.55\"}", &reply);
	assert_int_equal(reply.status, 200);
	hash = value_find_str(reply.data, "hash", "");
	assert_int_equal(strncmp(hash, "hmac-sha256:", 12), 0);
	api_call(fixture, OP_UPDATE, "ssh/lookup", "{\"ip\":\"10.77.66.55\"}",
		&reply);
	assert_non_null(strstr(api_audit_text(fixture), hash));
	assert_null(strstr(api_audit_text(fixture), "10.77.66.55"));
}

static void
askers_are_told_what_is_wrong(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", "sys/audit", NULL, 200, NULL, NULL },
		{ "POST", "sys/audit-hash/no", "{\"input\":\"x\"}", 400,
			"unknown audit backend \"no/\"", NULL },
		{ "POST", "sys/audit-hash/no", "{}", 400,
			"the \"input\" parameter is empty", NULL },
		{ "POST", "sys/audit/x", "{\"type\":\"carrier-pigeon\"}", 400,
			NULL, NULL },
		{ "DELETE", "sys/audit/none", NULL, 204, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_text_hashes_as_in_the_log),
		MOUNTED(askers_are_told_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
