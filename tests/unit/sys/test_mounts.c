/* sys/mounts, tune, sys/auth, remount. */
#include "tests/unit/sys/sys_fixture.h"

#define SSH "{\"type\":\"ssh\"}"

static void
mounts_are_added_listed_and_removed(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "sys/mounts/team/a",
			"{\"type\":\"ssh\",\"description\":\"hosts\",\"local\":true,\"config\":{\"default_lease_ttl\":\"1h\",\"max_lease_ttl\":7200,\"listing_visibility\":\"unauth\"}}",
			204, NULL, NULL },
		{ "GET", "sys/mounts", NULL, 200, NULL, "\"team/a/\":{" },
		{ "GET", "sys/mounts/team/a", NULL, 200, NULL,
			"\"config\":{\"default_lease_ttl\":3600,\"max_lease_ttl\":7200,\"force_no_cache\":false,\"listing_visibility\":\"unauth\"}" },
		{ "GET", "sys/mounts/team/a/", NULL, 200, NULL,
			"\"options\":{}" },
		{ "GET", "sys/mounts/team/a", NULL, 200, NULL,
			"\"description\":\"hosts\"" },
		{ "GET", "sys/mounts/team/a", NULL, 200, NULL,
			"\"accessor\":\"ssh_" },
		{ "GET", "sys/mounts/team/a", NULL, 200, NULL,
			"\"local\":true" },
		{ "DELETE", "sys/mounts/team/a", NULL, 204, NULL, NULL },
		{ "DELETE", "sys/mounts/team/a", NULL, 204, NULL, NULL },
		{ "GET", "sys/mounts/team/a", NULL, 400,
			"No secret engine mount at team/a/", NULL },
		{ "GET", "sys/auth/team/a", NULL, 400,
			"No auth engine at team/a/", NULL },
		{ "GET", "sys/auth", NULL, 200, NULL,
			"\"token/\":{\"type\":\"token\"" },
		{ "POST", "sys/mounts/n", "{\"type\":\"ssh\",\"options\":null}",
			204, NULL, NULL },
		{ "GET", "sys/mounts/n", NULL, 200, NULL, "\"options\":null" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
impossible_mounts_are_refused(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "sys/mounts/x", "{}", 400,
			"backend type must be specified as a string", NULL },
		{ "POST", "sys/mounts/x", "{\"type\":\"foo\"}", 400,
			"plugin not found in the catalog: foo", NULL },
		{ "POST", "sys/mounts/x", "{\"type\":\"system\"}", 400,
			"mount type of \"system\" is not mountable", NULL },
		{ "POST", "sys/mounts/ssh", SSH, 400,
			"path is already in use at ssh/", NULL },
		{ "POST", "sys/mounts/ssh/below", SSH, 400,
			"path is already in use at ssh/", NULL },
		{ "POST", "sys/mounts/sys", SSH, 400, NULL, "sys/" },
		{ "DELETE", "sys/mounts/sys", NULL, 400,
			"cannot unmount \"sys/\"", NULL },
		{ "POST", "sys/mounts/x",
			"{\"type\":\"ssh\",\"config\":{\"default_lease_ttl\":\"2h\",\"max_lease_ttl\":\"1h\"}}",
			400,
			"given default lease TTL greater than given max lease TTL",
			NULL },
		{ "POST", "sys/mounts/x",
			"{\"type\":\"ssh\",\"config\":{\"default_lease_ttl\":\"soon\"}}",
			400, NULL, "unable to parse default TTL of soon" },
		{ "POST", "sys/mounts/x",
			"{\"type\":\"ssh\",\"config\":{\"max_lease_ttl\":-5}}",
			400, NULL, "unable to parse max TTL of -5" },
		{ "POST", "sys/mounts/x",
			"{\"type\":\"ssh\",\"config\":{\"listing_visibility\":\"all\"}}",
			400, "invalid listing_visibility all", NULL },
		{ "GET", "sys/mounts/x", NULL, 400, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
tune_changes_what_is_named_and_keeps_the_rest(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", "sys/mounts/ssh/tune", NULL, 200, NULL,
			"\"max_lease_ttl\":2764800" },
		{ "POST", "sys/mounts/ssh/tune",
			"{\"default_lease_ttl\":\"10m\",\"description\":\"d\"}",
			204, NULL, NULL },
		{ "POST", "sys/mounts/ssh/tune", "{\"max_lease_ttl\":1200}",
			204, NULL, NULL },
		{ "GET", "sys/mounts/ssh/tune", NULL, 200, NULL,
			"\"default_lease_ttl\":600,\"max_lease_ttl\":1200,\"description\":\"d\"" },
		{ "POST", "sys/mounts/ssh/tune",
			"{\"default_lease_ttl\":\"\",\"max_lease_ttl\":\"\"}",
			204, NULL, NULL },
		{ "GET", "sys/mounts/ssh/tune", NULL, 200, NULL,
			"\"default_lease_ttl\":600,\"max_lease_ttl\":1200" },
		{ "POST", "sys/mounts/ssh/tune", "{\"max_lease_ttl\":60}", 400,
			"backend max lease TTL of 60 would be less than backend default lease TTL of 600",
			NULL },
		{ "POST", "sys/mounts/ssh/tune",
			"{\"default_lease_ttl\":\"system\",\"max_lease_ttl\":\"system\"}",
			204, NULL, NULL },
		{ "GET", "sys/mounts/ssh/tune", NULL, 200, NULL,
			"\"default_lease_ttl\":2764800,\"max_lease_ttl\":2764800" },
		{ "POST", "sys/mounts/ssh/tune",
			"{\"listing_visibility\":\"all\"}", 400,
			"invalid listing_visibility all", NULL },
		{ "GET", "sys/mounts/x/tune", NULL, 400,
			"cannot fetch sysview for path \"x/\"", NULL },
		{ "POST", "sys/mounts/x/tune", "{\"max_lease_ttl\":\"1h\"}",
			400, "tune of path \"x/\" failed: no mount entry found",
			NULL },
		{ "POST", "sys/mounts/sys/tune", "{\"max_lease_ttl\":\"1h\"}",
			400, "cannot tune \"sys/\"", NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
remount_moves_records_and_ends_leases(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "sys/remount", "{\"from\":\"ssh\"}", 400,
			"both 'from' and 'to' path must be specified as a string",
			NULL },
		{ "POST", "sys/remount", "{\"from\":\"a\",\"to\":\"b\"}", 400,
			"no matching mount at \"a/\"", NULL },
		{ "POST", "sys/remount", "{\"from\":\"sys\",\"to\":\"b\"}", 400,
			"cannot remount \"sys/\"", NULL },
		{ "POST", "sys/remount", "{\"from\":\"ssh\",\"to\":\"auth/b\"}",
			400, NULL, NULL },
		{ "POST", "sys/remount", "{\"from\":\"ssh\",\"to\":\"b\"}", 204,
			NULL, NULL },
		{ "GET", "b/roles/web", NULL, 200, NULL, NULL },
		{ "GET", "ssh/roles/web", NULL, 404, NULL, NULL },
		{ "LIST", "sys/leases/lookup/b", NULL, 404, NULL, NULL },
		{ "LIST", "sys/leases/lookup/ssh", NULL, 404, NULL, NULL },
	};

	(void)state;
	add_role("ssh/roles/web");
	(void)issue_lease(fixture->root, "ssh/creds/web");
	API_RUN_STEPS(fixture, steps);
}

static void
unmounting_ends_leases(void **state)
{
	const char *lease;
	char id[600];

	(void)state;
	add_role("ssh/roles/web");
	lease = issue_lease(fixture->root, "ssh/creds/web");
	(void)snprintf(id, sizeof(id), "%s", lease);
	api_call(fixture, OP_DELETE, "sys/mounts/ssh", NULL, &reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_UPDATE, "sys/leases/lookup",
		body_of("lease_id", id), &reply);
	assert_int_equal(reply.status, 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(mounts_are_added_listed_and_removed),
		MOUNTED(impossible_mounts_are_refused),
		MOUNTED(tune_changes_what_is_named_and_keeps_the_rest),
		MOUNTED(remount_moves_records_and_ends_leases),
		MOUNTED(unmounting_ends_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
