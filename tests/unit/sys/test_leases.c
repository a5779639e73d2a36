/* sys/leases: ids, levels, prefixes. */
#include "tests/unit/sys/sys_fixture.h"

static int
setup_leases(void **state)
{
	if (setup(state) != 0 || api_mount(fixture, "ssh", "team/ssh/") != 0)
		return 1;
	add_role("ssh/roles/web");
	add_role("ssh/roles/web2");
	add_role("team/ssh/roles/web");
	return 0;
}

static int
lookup_status(const char *lease_id)
{
	api_call(fixture, OP_UPDATE, "sys/leases/lookup",
		body_of("lease_id", lease_id), &reply);
	return reply.status;
}

static void
a_lease_is_found_by_its_id_alone(void **state)
{
	static const char *const unknown[] = { "ssh", "ssh/", "s", "nowhere/x",
		"ssh/creds/web/", "ssh/creds/web/000000000000000000000000", "/",
		"ssh/creds", "sys", "auth/token" };
	const char *id = issue_lease(fixture->root, "ssh/creds/web");
	char other[600];
	size_t i;

	(void)state;
	assert_int_equal(lookup_status(id), 200);
	assert_string_equal(value_find_str(reply.data, "id", ""), id);
	assert_false(value_find_bool(reply.data, "renewable", true));
	assert_true(value_find_int(reply.data, "ttl", 0) > 0);
	for (i = 0; i < ARRAY_LEN(unknown); i++) {
		if (lookup_status(unknown[i]) != 400)
			fail_msg("%s: %d", unknown[i], reply.status);
		assert_string_equal(api_error(&reply), "invalid lease");
	}
	/* The tail is good on its own path only (reliability.md L09). */
	(void)snprintf(other, sizeof(other), "ssh/creds/web2/%s",
		strrchr(id, '/') + 1);
	assert_int_equal(lookup_status(other), 400);
	(void)snprintf(other, sizeof(other), "team/%s", id);
	assert_int_equal(lookup_status(other), 400);
}

/* The longest lifetime there is: past the year 2262 ns since 1970 overflow. */
static void
a_long_lease_ends_when_it_does(void **state)
{
	const char *id;

	(void)state;
	api_call(fixture, OP_UPDATE, "sys/mounts/ssh/tune",
		"{\"max_lease_ttl\":9223372036,\"default_lease_ttl\":9223372036}",
		&reply);
	assert_int_equal(reply.status, 204);
	id = issue_lease(fixture->root, "ssh/creds/web");
	assert_int_equal(lookup_status(id), 200);
	assert_true(strcmp(value_find_str(reply.data, "expire_time", ""),
			    "2318-") > 0);
}

static void
calls_without_or_with_wrong_ids_are_told_so(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "sys/leases/lookup", "{}", 400,
			"lease_id must be specified", NULL },
		{ "POST", "sys/leases/renew", "{}", 400,
			"lease_id must be specified", NULL },
		{ "POST", "sys/leases/revoke", "{}", 400,
			"lease_id must be specified", NULL },
		{ "POST", "sys/leases/renew", "{\"lease_id\":\"ssh\"}", 400,
			"lease not found", NULL },
		{ "POST", "sys/renew/ssh/creds/web/x", NULL, 400,
			"lease not found", NULL },
		{ "POST", "sys/leases/revoke", "{\"lease_id\":\"ssh\"}", 204,
			NULL, NULL },
		{ "POST", "sys/leases/revoke",
			"{\"lease_id\":\"ssh\",\"sync\":false}", 202, NULL,
			NULL },
		{ "POST", "sys/leases/tidy", NULL, 202, NULL,
			"Tidy operation successfully started" },
		{ "GET", "sys/leases/count", NULL, 404, NULL, NULL },
		{ "GET", "sys/leases", NULL, 404, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
a_password_is_not_renewed(void **state)
{
	const char *id = issue_lease(fixture->root, "ssh/creds/web");

	(void)state;
	api_call(fixture, OP_UPDATE, "sys/leases/renew",
		body_of("lease_id", id), &reply);
	assert_int_equal(reply.status, 400);
	assert_string_equal(api_error(&reply), "lease is not renewable");
	api_call(fixture, OP_UPDATE, "sys/renew", body_of("url_lease_id", id),
		&reply);
	assert_string_equal(api_error(&reply), "lease is not renewable");
}

static void
levels_list_folders_and_tails(void **state)
{
	static const struct api_step none[] = {
		{ "LIST", "sys/leases/lookup/ssh/creds", NULL, 404, NULL,
			NULL },
		{ "LIST", "sys/leases/lookup/nowhere", NULL, 404, NULL, NULL },
	};
	static const struct api_step levels[] = {
		{ "LIST", "sys/leases/lookup/ssh", NULL, 200, NULL,
			"\"keys\":[\"creds/\"]" },
		{ "LIST", "sys/leases/lookup/ssh/", NULL, 200, NULL,
			"\"keys\":[\"creds/\"]" },
		{ "LIST", "sys/leases/lookup/ssh/creds/", NULL, 200, NULL,
			"\"keys\":[\"web/\",\"web2/\"]" },
		{ "LIST", "sys/leases/lookup/team", NULL, 200, NULL,
			"\"keys\":[\"ssh/\"]" },
		{ "LIST", "sys/leases/lookup/team/ssh/creds", NULL, 200, NULL,
			"\"keys\":[\"web/\"]" },
		{ "LIST", "sys/leases/lookup/ssh/cre", NULL, 404, NULL, NULL },
	};
	char id[600];

	(void)state;
	API_RUN_STEPS(fixture, none);
	(void)issue_lease(fixture->root, "ssh/creds/web2");
	(void)issue_lease(fixture->root, "team/ssh/creds/web");
	(void)snprintf(id, sizeof(id), "%s",
		issue_lease(fixture->root, "ssh/creds/web"));
	API_RUN_STEPS(fixture, levels);
	api_call(fixture, OP_LIST, "sys/leases/lookup/ssh/creds/web", NULL,
		&reply);
	assert_int_equal(value_find(reply.data, "keys")->n, 1);
	assert_string_equal(value_find(reply.data, "keys")->first->str,
		strrchr(id, '/') + 1);
}

static void
the_top_level_names_mounts_with_leases(void **state)
{
	(void)state;
	(void)issue_lease(fixture->root, "team/ssh/creds/web");
	api_call(fixture, OP_LIST, "sys/leases/lookup", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(reply.body, "\"team/\""));
	assert_null(strstr(reply.body, "\"ssh/\""));
	assert_null(strstr(reply.body, "\"sys/\""));
}

/* Prefixes match whole segments; an id is a prefix too. */
static void
revoking_below_a_prefix_takes_that_and_no_more(void **state)
{
	static const struct {
		const char *path;
		bool left[3]; /* ssh web, ssh web2, team web */
	} cases[] = {
		{ "sys/leases/revoke-prefix/ssh/creds/web",
			{ false, true, true } },
		{ "sys/leases/revoke-prefix/ssh/creds/web/",
			{ false, true, true } },
		{ "sys/revoke-prefix/ssh/creds", { false, false, true } },
		{ "sys/leases/revoke-force/ssh", { false, false, true } },
		{ "sys/revoke-force/team", { true, true, false } },
		{ "sys/leases/revoke-prefix/ssh/creds/we",
			{ true, true, true } },
		{ "sys/leases/revoke-prefix/s", { true, true, true } },
		{ "sys/leases/revoke-prefix/nowhere", { true, true, true } },
	};

	static const char *const paths[] = { "ssh/creds/web", "ssh/creds/web2",
		"team/ssh/creds/web" };
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *ids[3];

		for (j = 0; j < 3; j++)
			ids[j] = issue_lease(fixture->root, paths[j]);
		api_call(fixture, OP_UPDATE, cases[i].path, NULL, &reply);
		assert_int_equal(reply.status, 204);
		for (j = 0; j < 3; j++) {
			if ((lookup_status(ids[j]) == 200) != cases[i].left[j])
				fail_msg("%s: %s", cases[i].path, ids[j]);
		}
	}
}

static void
a_whole_id_is_a_prefix_and_a_path(void **state)
{
	static const char *const forms[] = { "sys/leases/revoke-prefix/%s",
		"sys/leases/revoke/%s", "sys/revoke/%s" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(forms); i++) {
		const char *kept = issue_lease(fixture->root, "ssh/creds/web");
		const char *id = issue_lease(fixture->root, "ssh/creds/web");
		char *path = arena_strdup(fixture->arena, forms[i]);

		*strchr(path, '%') = '\0';
		path = arena_printf(fixture->arena, "%s%s", path, id);
		api_call(fixture, OP_UPDATE, path, NULL, &reply);
		assert_int_equal(reply.status, 204);
		assert_int_equal(lookup_status(id), 400);
		assert_int_equal(lookup_status(kept), 200);
	}
}

static void
listing_and_prefixes_need_sudo(void **state)
{
	static const struct api_step steps[] = {
		{ "LIST", "sys/leases/lookup/ssh", NULL, 403, NULL, NULL },
		{ "POST", "sys/leases/revoke-prefix/ssh", NULL, 403, NULL,
			NULL },
		{ "POST", "sys/revoke-force/ssh", NULL, 403, NULL, NULL },
		{ "POST", "sys/leases/revoke", "{\"lease_id\":\"ssh\"}", 204,
			NULL, NULL },
	};
	const char *token = api_make_token(fixture,
		"path \"sys/*\" { capabilities = [\"update\", \"list\"] }",
		"{\"policies\":[\"mine\"]}");

	(void)state;
	api_run_steps_as(fixture, token, steps, ARRAY_LEN(steps));
}

/* More than one snapshot's worth of leases. */
static void
a_long_level_is_listed_and_revoked_whole(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 520; i++)
		(void)issue_lease(fixture->root, "ssh/creds/web");
	api_call(fixture, OP_LIST, "sys/leases/lookup/ssh/creds/web", NULL,
		&reply);
	assert_int_equal(value_find(reply.data, "keys")->n, 520);
	api_call(fixture, OP_UPDATE, "sys/leases/revoke-prefix/ssh", NULL,
		&reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_LIST, "sys/leases/lookup/ssh", NULL, &reply);
	assert_int_equal(reply.status, 404);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_leases, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_lease_is_found_by_its_id_alone),
		TEST(a_long_lease_ends_when_it_does),
		TEST(calls_without_or_with_wrong_ids_are_told_so),
		TEST(a_password_is_not_renewed),
		TEST(levels_list_folders_and_tails),
		TEST(the_top_level_names_mounts_with_leases),
		TEST(revoking_below_a_prefix_takes_that_and_no_more),
		TEST(a_whole_id_is_a_prefix_and_a_path),
		TEST(listing_and_prefixes_need_sudo),
		TEST(a_long_level_is_listed_and_revoked_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
