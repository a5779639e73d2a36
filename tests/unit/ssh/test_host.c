/* Names of hosts, and the certificates that count as live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/engines/ssh/hosts/host.h"
#include "tests/support/in_arena.h"

#define NOW_S 1000000

static void
a_name_is_one_host_in_lower_case(void **state)
{
	static const struct {
		const char *name, *as;
	} rows[] = {
		{ "web1", "web1" },
		{ "Web1.Example.COM", "web1.example.com" },
		{ "10.1.2.3", "10.1.2.3" },
		{ "a_b-c.d", "a_b-c.d" },
		{ "", NULL },
		{ "default", NULL },
		{ "DEFAULT", NULL },
		{ "*.example.com", NULL },
		{ "a..b", NULL },
		{ ".a", NULL },
		{ "-a", NULL },
		{ "a b", NULL },
		{ "a,b", NULL },
		{ "a/b", NULL },
		{ "a@b", NULL },
		{ "::1", NULL },
		{ "fe80::1", NULL },
		{ "h\xc3\xbc.example", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *name = NULL;
		struct err err = { 0 };
		int rc = host_name_check(arena, rows[i].name, &name, &err);

		assert_int_equal(rc, rows[i].as != NULL ? 0 : ERR_INPUT);
		if (rows[i].as != NULL)
			assert_string_equal(name, rows[i].as);
		else
			assert_int_equal(err.status, 400);
	}
}

static int
add(struct ssh_host *host, const char *serial, int64_t end_s)
{
	struct err err = { 0 };
	int rc = host_add_cert(host, serial, end_s, NOW_S, arena, &err);

	assert_int_equal(err.status, rc == 0 ? 0 : 400);
	return rc;
}

static void
the_last_certificate_is_the_current_one(void **state)
{
	struct ssh_host host = { .serial = "" };

	(void)state;
	assert_false(host_is_enrolled(&host));
	assert_int_equal(add(&host, "a", NOW_S + 10), 0);
	assert_int_equal(add(&host, "b", NOW_S + 5), 0);
	assert_true(host_is_enrolled(&host));
	assert_string_equal(host.serial, "b");
	assert_int_equal(host.valid_before_s, NOW_S + 5);
	assert_int_equal(host.certificates.n, 2);
	assert_int_equal(host_cert_end_s(&host, 0), NOW_S + 10);
}

static void
what_has_ended_makes_room(void **state)
{
	struct ssh_host host = { .serial = "" };
	char names[HOST_CERTS_MAX][8];

	(void)state;
	for (size_t i = 0; i < HOST_CERTS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%zx", i + 1);
		assert_int_equal(add(&host, names[i], NOW_S + 10), 0);
	}
	assert_int_equal(add(&host, "x", NOW_S + 10), ERR_LIMIT);
	assert_string_equal(host.serial, names[HOST_CERTS_MAX - 1]);
	host.certificates.values[3] = "1000000";
	assert_int_equal(add(&host, "x", NOW_S + 10), 0);
	assert_int_equal(host.certificates.n, HOST_CERTS_MAX);
	for (size_t i = 0; i < host.certificates.n; i++)
		assert_string_not_equal(host.certificates.keys[i], names[3]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_one_host_in_lower_case),
		cmocka_unit_test(the_last_certificate_is_the_current_one),
		cmocka_unit_test(what_has_ended_makes_room),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
