/* sys/storage: backup's path, the check and the clock's mark, and who may ask.
 */
#include "tests/unit/sys/sys_fixture.h"

static void
a_backup_goes_to_an_absolute_path(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "sys/storage/backup", "{}", 400, NULL, "'file'" },
		{ "POST", "sys/storage/backup", "{\"file\":\"copy.db\"}", 400,
			NULL, "'file'" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
resetting_the_clock_tells_the_time(void **state)
{
	(void)state;
	api_call(fixture, OP_UPDATE, "sys/storage/clock-reset", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(value_find_str(reply.data, "now", ""), "T"));
}

static void
a_check_counts_the_records(void **state)
{
	(void)state;
	api_call(fixture, OP_UPDATE, "sys/storage/check", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_true(value_find_int(reply.data, "records", 0) > 0);
	assert_int_equal(value_find_int(reply.data, "damaged", -1), 0);
	assert_int_equal(value_find(reply.data, "damaged_records")->n, 0);
}

static void
the_key_and_its_uses_are_told(void **state)
{
	int64_t before;

	(void)state;
	api_call(fixture, OP_READ, "sys/key-status", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find_int(reply.json, "term", 0), 1);
	assert_int_equal(value_find_int(reply.data, "term", 0), 1);
	assert_non_null(
		strstr(value_find_str(reply.data, "install_time", ""), "T"));
	before = value_find_int(reply.data, "encryptions", 0);
	assert_true(before > 0);
	(void)api_make_token(
		fixture, "path \"x\" { capabilities = [\"read\"] }", "{}");
	api_call(fixture, OP_READ, "sys/key-status", NULL, &reply);
	assert_true(value_find_int(reply.data, "encryptions", 0) > before);
}

static void
they_need_sudo(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "sys/storage/backup", "{\"file\":\"/x\"}", 403, NULL,
			NULL },
		{ "POST", "sys/storage/check", NULL, 403, NULL, NULL },
		{ "POST", "sys/storage/clock-reset", NULL, 403, NULL, NULL },
	};
	const char *token = api_make_token(fixture,
		"path \"sys/storage/*\" { capabilities = [\"update\"] }",
		"{\"policies\":[\"mine\"]}");

	(void)state;
	api_run_steps_as(fixture, token, steps, ARRAY_LEN(steps));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_backup_goes_to_an_absolute_path),
		MOUNTED(resetting_the_clock_tells_the_time),
		MOUNTED(a_check_counts_the_records),
		MOUNTED(the_key_and_its_uses_are_told),
		MOUNTED(they_need_sudo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
