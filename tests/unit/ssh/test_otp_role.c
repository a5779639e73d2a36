/* The rules of a role: what may be stored, which user, which address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/engines/ssh/otp_role.h"
#include "server/engines/ssh/role_check.h"

static struct ssh_role
good_role(void)
{
	return (struct ssh_role){ .key_type = "otp",
		.key = "",
		.default_user = "ubuntu",
		.cidr_list = "10.0.0.0/8, 2001:db8::/32",
		.exclude_cidr_list = "10.1.0.0/16",
		.allowed_users = "",
		.admin_user = "" };
}

struct check_case {
	const char *member, *value, *message;
};

static void
check_reports_the_first_fault_in_order(void **state)
{
	static const struct check_case cases[] = {
		{ "cidr_list", "10.0.0.0",
			"failed to validate cidr_list: invalid CIDR address: 10.0.0.0" },
		{ "cidr_list", " 10.0.0.0/8 ,NOPE",
			"failed to validate cidr_list: invalid CIDR address: nope" },
		{ "cidr_list", " , ",
			"failed to validate cidr_list: missing CIDR blocks that needs validation" },
		{ "cidr_list", "010.0.0.0/8",
			"failed to validate cidr_list: invalid CIDR address: 010.0.0.0/8" },
		{ "cidr_list", "10.0.0.0/08",
			"failed to validate cidr_list: invalid CIDR address: 10.0.0.0/08" },
		{ "exclude_cidr_list", "x/1",
			"failed to validate exclude_cidr_list entry: invalid CIDR address: x/1" },
		{ "key_type", "", "missing key type" },
		{ "key_type", "password", "invalid key type" },
		{ "key_type", "Dynamic", "missing key name" },
		{ "default_user", "", "missing default user" },
		{ "admin_user", "root",
			"admin user not required for OTP type" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ssh_role role = good_role();
		struct err err = { 0 };

		if (strcmp(cases[i].member, "cidr_list") == 0)
			role.cidr_list = cases[i].value;
		else if (strcmp(cases[i].member, "exclude_cidr_list") == 0)
			role.exclude_cidr_list = cases[i].value;
		else if (strcmp(cases[i].member, "key_type") == 0)
			role.key_type = cases[i].value;
		else if (strcmp(cases[i].member, "default_user") == 0)
			role.default_user = cases[i].value;
		else
			role.admin_user = cases[i].value;
		assert_int_equal(ssh_role_check(&role, NULL, &err), ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_string_equal(err.message, cases[i].message);
	}
}

static void
check_fills_the_port_and_the_type(void **state)
{
	struct ssh_role role = good_role();
	struct err err = { 0 };

	(void)state;
	role.key_type = "OTP";
	assert_int_equal(ssh_role_check(&role, NULL, &err), 0);
	assert_string_equal(role.key_type, "otp");
	assert_int_equal(role.port, 22);
	role.port = 65536;
	assert_int_equal(ssh_role_check(&role, NULL, &err), ERR_INPUT);
}

static void
check_refuses_a_ttl_above_the_largest(void **state)
{
	struct ssh_role role = good_role();
	struct err err = { 0 };

	(void)state;
	role.ttl = role.max_ttl = 60;
	assert_int_equal(ssh_role_check(&role, NULL, &err), 0);
	role.ttl = 61;
	assert_int_equal(ssh_role_check(&role, NULL, &err), ERR_INPUT);
	assert_string_equal(err.message,
		"\"ttl\" value must be less than \"max_ttl\" when both are specified");
}

static void
user_must_be_the_default_or_listed(void **state)
{
	struct ssh_role role = good_role();
	struct err err = { 0 };

	(void)state;
	assert_int_equal(otp_role_check_user(&role, "ubuntu", &err), 0);
	assert_int_equal(otp_role_check_user(&role, "bob", &err), ERR_INPUT);
	assert_string_equal(err.message,
		"Username has to be either in allowed users list or has to be a default username");
	err_clear(&err);
	role.allowed_users = "alice, bob ,*";
	assert_int_equal(otp_role_check_user(&role, "bob", &err), 0);
	assert_int_equal(otp_role_check_user(&role, "*", &err), 0);
	assert_int_equal(otp_role_check_user(&role, "carol", &err), ERR_INPUT);
	assert_string_equal(
		err.message, "Username is not present is allowed users list");
	role.allowed_users = "*";
	assert_int_equal(otp_role_check_user(&role, "anyone", &err), 0);
}

struct ip_case {
	const char *cidr_list, *exclude, *ip;
	bool zero, dev, allowed;
};

static void
address_must_be_inside_and_not_excluded(void **state)
{
	static const struct ip_case cases[] = {
		{ "10.0.0.0/8", "", "10.9.9.9", false, false, true },
		{ "10.1.2.3/8", "", "10.9.9.9", false, false, true },
		{ "10.0.0.0/8", "10.1.0.0/16", "10.1.9.9", false, false,
			false },
		{ "10.0.0.0/8", "", "11.0.0.1", false, false, false },
		{ "", "", "11.0.0.1", false, false, false },
		{ "", "", "11.0.0.1", true, false, true },
		{ "", "11.0.0.0/8", "11.0.0.1", true, false, false },
		{ "10.0.0.0/8", "", "::ffff:10.0.0.1", false, false, true },
		{ "::/0", "", "10.0.0.1", false, false, false },
		{ "2001:db8::/32", "", "2001:DB8::1", false, false, true },
		{ "0.0.0.0/0", "", "127.0.0.1", false, false, false },
		{ "127.0.0.0/8", "", "127.0.0.1", false, false, true },
		{ "126.0.0.0/7", "", "127.0.0.1", false, false, false },
		{ "0.0.0.0/0", "", "127.0.0.1", false, true, true },
		{ "", "", "127.0.0.1", true, false, false },
		{ "", "", "127.0.0.1", true, true, true },
		{ "::/0", "", "fe80::1", false, false, false },
		{ "fe80::/10", "", "fe80::1", false, false, true },
		{ "0.0.0.0/0", "", "0.0.0.0", false, false, false },
		{ "0.0.0.0/0", "", "224.0.0.1", false, false, false },
		{ "10.0.0.0/8, 11.0.0.0/8,", "", "11.0.0.1", false, false,
			true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct ip_case *c = &cases[i];
		struct ssh_role role = good_role();
		struct netaddr addr;
		struct err err = { 0 };
		int rc;

		role.cidr_list = c->cidr_list;
		role.exclude_cidr_list = c->exclude;
		assert_int_equal(netaddr_parse(span_str(c->ip), &addr), 0);
		rc = otp_role_check_ip(&role, &addr,
			(struct otp_role_ip_rule){
				.zero_address = c->zero, .dev = c->dev },
			&err);
		if (rc != (c->allowed ? 0 : ERR_INPUT))
			fail_msg("case %zu: %s in %s", i, c->ip, c->cidr_list);
	}
}

static void
lifetime_is_the_roles_then_the_fallback_within_both_caps(void **state)
{
	struct ssh_role role = good_role();

	(void)state;
	assert_int_equal(otp_role_ttl_s(&role, 600, 1000), 600);
	assert_int_equal(otp_role_ttl_s(&role, 600, 100), 100);
	role.max_ttl = 60;
	assert_int_equal(otp_role_ttl_s(&role, 600, 1000), 60);
	role.ttl = 30;
	assert_int_equal(otp_role_ttl_s(&role, 600, 1000), 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_reports_the_first_fault_in_order),
		cmocka_unit_test(check_fills_the_port_and_the_type),
		cmocka_unit_test(check_refuses_a_ttl_above_the_largest),
		cmocka_unit_test(user_must_be_the_default_or_listed),
		cmocka_unit_test(address_must_be_inside_and_not_excluded),
		cmocka_unit_test(
			lifetime_is_the_roles_then_the_fallback_within_both_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
