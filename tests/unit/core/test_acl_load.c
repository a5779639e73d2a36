/* From the names of policies to an acl: records, cache, root. */
#include "server/core/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/core/server_fixture.h"

static unsigned
capabilities_of(struct server_fixture *fixture, const char **names, size_t n,
	const char *path)
{
	const struct str_list list = { names, n };
	struct acl acl = { 0 };
	struct err err = { 0 };
	unsigned caps;

	if (acl_load(fixture->server, &list, NULL, fixture->arena, &acl,
		    &err) != 0)
		fail_msg("%s %s", err.message, err.detail);
	caps = acl_capabilities(&acl, path);
	acl_clear(&acl);
	return caps;
}

static void
put_policy(struct server_fixture *fixture, const char *record, const char *text)
{
	struct value *value = value_object(fixture->arena);
	struct server *server = fixture->server;
	struct err err = { 0 };

	assert_true(value_set_str(fixture->arena, value, "policy", text));
	assert_int_equal(
		kv_write(server->store, &server->system, record, value, &err),
		0);
}

static void
root_alone_is_all(void **state)
{
	static const char *names[] = { "root", "default" };
	static const char *spelled[] = { "Root" };
	struct server_fixture *fixture = server_fixture_open();

	(void)state;
	assert_int_equal(capabilities_of(fixture, names, 1, "a"), CAP_ROOT);
	assert_int_equal(capabilities_of(fixture, names, 2, "a"), CAP_DENY);
	assert_int_equal(capabilities_of(fixture, spelled, 1, "a"), CAP_DENY);
	server_fixture_free(fixture);
}

static void
a_changed_policy_counts_at_once(void **state)
{
	static const char *names[] = { "default", "absent", "ops" };
	static const char *upper[] = { "OPS" };
	struct server_fixture *fixture = server_fixture_open();

	(void)state;
	assert_int_equal(capabilities_of(fixture, names, 3, "a"), CAP_DENY);
	assert_int_equal(
		capabilities_of(fixture, names, 3, "auth/token/lookup-self"),
		CAP_READ);
	put_policy(fixture, "policies/ops", "path \"a\" { policy = \"read\" }");
	assert_int_equal(
		capabilities_of(fixture, names, 3, "a"), CAP_READ | CAP_LIST);
	assert_int_equal(
		capabilities_of(fixture, upper, 1, "a"), CAP_READ | CAP_LIST);
	put_policy(fixture, "policies/ops", "path \"a\" { policy = \"deny\" }");
	assert_int_equal(capabilities_of(fixture, names, 3, "a"), CAP_DENY);
	server_fixture_free(fixture);
}

static void
a_broken_record_is_an_error(void **state)
{
	static const char *names[] = { "default", "broken" };
	const struct str_list list = { names, 2 };
	struct server_fixture *fixture = server_fixture_open();
	struct acl acl = { 0 };
	struct err err = { 0 };

	(void)state;
	put_policy(fixture, "policies/broken", "path");
	assert_true(acl_load(fixture->server, &list, NULL, fixture->arena, &acl,
			    &err) < 0);
	assert_int_equal(acl.n, 0);
	server_fixture_free(fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_alone_is_all),
		cmocka_unit_test(a_changed_policy_counts_at_once),
		cmocka_unit_test(a_broken_record_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
