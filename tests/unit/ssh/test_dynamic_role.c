/* The rules of dynamic roles (spec/ssh-engine.md 2.2), and their warnings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/engines/ssh/dynamic/dynamic_role.h"
#include "server/engines/ssh/role_check.h"
#include "tests/support/in_arena.h"

static struct ssh_role
good_role(void)
{
	return (struct ssh_role){ .key_type = "dynamic",
		.default_user = "ubuntu",
		.allowed_users = "",
		.cidr_list = "10.0.0.0/8",
		.exclude_cidr_list = "",
		.key = "admin",
		.admin_user = "root",
		.dynamic_key_type = "",
		.install_script = "",
		.key_option_specs = "",
		.profile = "",
		.host_key_policy = "",
		.source_address = "",
		.expiry_time = true };
}

static int
check(struct ssh_role *role, struct err *err)
{
	int rc = ssh_role_check(role, arena, err);

	return rc != 0 ? rc : dynamic_role_check_rest(role, arena, err);
}

static void
the_first_fault_is_told_in_the_words_of_the_peer(void **state)
{
	struct {
		struct ssh_role role;
		const char *message;
	} cases[] = {
		{ good_role(), "missing default user" },
		{ good_role(), "missing key name" },
		{ good_role(), "missing admin username" },
		{ good_role(), "invalid key_bits field" },
		{ good_role(), "invalid key_bits field" },
		{ good_role(),
			"invalid dynamic_key_type \"ecdsa\": must be rsa or ed25519" },
		{ good_role(),
			"invalid key_option_specs: it has a control character" },
		{ good_role(), "unknown profile \"windows\"" },
		{ good_role(),
			"install_script and profile \"linux\" do not go together" },
		{ good_role(),
			"install_script and profile \"script\" do not go together" },
		{ good_role(), "invalid source_address \"lan\"" },
		{ good_role(),
			"key_option_specs has a from= of its own: bind_source_address cannot add one" },
		{ good_role(),
			"\"ttl\" value must be less than \"max_ttl\" when both are specified" },
		{ good_role(), "invalid admin_user: ro ot" },
	};

	(void)state;
	cases[0].role.default_user = cases[0].role.key = "";
	cases[1].role.key = cases[1].role.admin_user = "";
	cases[2].role.admin_user = "";
	cases[2].role.key_bits = 7;
	cases[3].role.key_bits = 512;
	cases[4].role.key_bits = -2048;
	cases[5].role.dynamic_key_type = "ecdsa";
	cases[6].role.key_option_specs = "no-pty\nssh-rsa AAAA";
	cases[7].role.profile = "windows";
	cases[8].role.profile = "linux";
	cases[8].role.install_script = "#!/bin/sh\n";
	cases[9].role.profile = "script";
	cases[10].role.source_address = "lan";
	cases[11].role.key_option_specs = "from=\"10.0.0.1\"";
	cases[11].role.bind_source_address = true;
	cases[12].role.ttl = 2;
	cases[12].role.max_ttl = 1;
	cases[13].role.admin_user = "ro ot";
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };

		assert_int_equal(check(&cases[i].role, &err), ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_string_equal(err.message, cases[i].message);
	}
}

static void
sizes_of_keys_are_never_below_2048(void **state)
{
	static const int64_t asked[] = { 0, 1024, 2048, 3072, 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		struct ssh_role role = good_role();

		role.key_bits = asked[i];
		assert_int_equal(check(&role, NULL), 0);
		assert_int_equal(dynamic_role_key_bits(&role),
			asked[i] < 2048 ? 2048 : asked[i]);
		assert_string_equal(role.dynamic_key_type, "rsa");
	}
}

static void
targets_stand_in_for_what_a_role_leaves_empty(void **state)
{
	const char *names[] = { "nas", "*" };
	struct ssh_role role = good_role();

	(void)state;
	role.key = role.admin_user = role.cidr_list = "";
	role.targets = (struct str_list){ names, 1 };
	assert_int_equal(check(&role, NULL), 0);
	assert_true(dynamic_role_allows_target(&role, "nas"));
	assert_false(dynamic_role_allows_target(&role, "nas2"));
	role.targets.n = 2;
	assert_true(dynamic_role_allows_target(&role, "nas2"));
}

static void
count_warning(void *ctx, const char *warning)
{
	size_t *n = ctx;

	assert_true(warning[0] != '\0');
	(*n)++;
}

static void
what_may_surprise_is_warned_of(void **state)
{
	struct ssh_role role = good_role();
	size_t n = 0;

	(void)state;
	assert_int_equal(check(&role, NULL), 0);
	dynamic_role_warn(&role, count_warning, &n);
	assert_int_equal(n, 0);
	role.key_bits = 1024;
	role.cidr_list = "";
	role.host_key_policy = "tofu";
	role.key_option_specs = "cert-authority,no-ptty";
	role.expiry_time = false;
	role.legacy_crypto = true;
	assert_int_equal(check(&role, NULL), 0);
	dynamic_role_warn(&role, count_warning, &n);
	assert_int_equal(n, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_first_fault_is_told_in_the_words_of_the_peer),
		cmocka_unit_test(sizes_of_keys_are_never_below_2048),
		cmocka_unit_test(targets_stand_in_for_what_a_role_leaves_empty),
		cmocka_unit_test(what_may_surprise_is_warned_of),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
