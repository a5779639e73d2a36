/* Roles of type ca: what may be stored, and what is told of them. */
#include "tests/unit/ssh/cert_fixture.h"

#include "server/engines/ssh/ca/ca_role.h"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(16 * 1024 * 1024);
	return arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static int
check(const char *json, struct ssh_role **ret_role, struct err *err)
{
	struct ssh_role *role = decode(
		ssh_role_record.fields, ssh_role_record.size, json, arena);

	*ret_role = role;
	return ssh_role_check(role, arena, err);
}

#define CA "{\"key_type\":\"ca\""
#define USER CA ",\"allow_user_certificates\":true"

static void
the_first_fault_is_told_in_order(void **state)
{
	static const struct {
		const char *role, *message;
	} cases[] = {
		{ CA ",\"cidr_list\":\"x\"}",
			"failed to validate cidr_list: invalid CIDR address: x" },
		{ CA ",\"port\":70000}",
			"invalid port: must be from 1 to 65535" },
		{ CA ",\"algorithm_signer\":\"rsa\"}",
			"unknown algorithm signer \"rsa\"" },
		{ CA ",\"algorithm_signer\":\"RSA-SHA2-256\"}",
			"unknown algorithm signer \"RSA-SHA2-256\"" },
		{ CA "}",
			"Either 'allow_user_certificates' or 'allow_host_certificates' must be set to 'true'" },
		{ CA ",\"ttl\":2,\"max_ttl\":1}",
			"Either 'allow_user_certificates' or 'allow_host_certificates' must be set to 'true'" },
		{ USER ",\"allowed_user_key_lengths\":{\"rsa\":\"x\"},\"ttl\":2,\"max_ttl\":1}",
			"error processing allowed_user_key_lengths: \"rsa\" needs a whole number, or a list of them" },
		{ USER ",\"allowed_user_key_lengths\":{\"rsa\":[[1]]}}",
			"error processing allowed_user_key_lengths: \"rsa\" needs a whole number, or a list of them" },
		{ USER ",\"allowed_user_key_lengths\":{\"rsa\":true}}",
			"error processing allowed_user_key_lengths: \"rsa\" needs a whole number, or a list of them" },
		{ USER ",\"allowed_user_key_lengths\":{\"rsa\":2048.5}}",
			"error processing allowed_user_key_lengths: \"rsa\" needs a whole number, or a list of them" },
		{ USER ",\"ttl\":2,\"max_ttl\":1}",
			"\"ttl\" value must be less than \"max_ttl\" when both are specified" },
		{ USER ",\"denied_extensions\":\"a,b\",\"default_extensions\":{\"b\":\"\"}}",
			"extension \"b\" is in both default_extensions and denied_extensions" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ssh_role *role = NULL;
		struct err err = { 0 };

		assert_int_equal(check(cases[i].role, &role, &err), ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_string_equal(err.message, cases[i].message);
	}
}

static void
a_stored_role_has_its_defaults(void **state)
{
	struct ssh_role *role = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		check("{\"key_type\":\"CA\",\"allow_host_certificates\":true,"
		      "\"ttl\":5,\"max_ttl\":5,\"cidr_list\":\"10.0.0.0/8\","
		      "\"not_before_duration\":0,\"admin_user\":\"x\"}",
			&role, &err),
		0);
	assert_string_equal(role->key_type, "ca");
	assert_string_equal(role->algorithm_signer, "default");
	assert_string_equal(role->issuer_ref, "default");
	assert_int_equal(role->not_before_duration, 30);
	assert_string_equal(role->cidr_list, "");
	assert_string_equal(role->admin_user, "");
	assert_true(ssh_role_is_ca(role));
}

static void
an_otp_role_signs_nothing(void **state)
{
	struct ssh_role *role = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(check("{\"key_type\":\"otp\",\"default_user\":\"u\","
			       "\"allow_user_certificates\":true,"
			       "\"allow_host_certificates\":true}",
				 &role, &err),
		0);
	assert_false(role->allow_user_certificates);
	assert_false(role->allow_host_certificates);
}

/* Each form of a size is stored as the list that a read shows. */
static void
sizes_of_keys_become_lists(void **state)
{
	static const char *const forms[] = { "2048", "\"2048\"", "[2048]",
		"[\"2048\"]", "\" 2048 ,\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		char json[256];
		struct ssh_role *role = NULL;
		const struct value *sizes = NULL;
		struct err err = { 0 };

		(void)snprintf(json, sizeof(json),
			USER ",\"allowed_user_key_lengths\":{\"rsa\":%s,"
			     "\"ed25519\":[]}}",
			forms[i]);
		assert_int_equal(check(json, &role, &err), 0);
		sizes = value_find(role->allowed_user_key_lengths, "rsa");
		assert_int_equal(sizes->type, VALUE_LIST);
		assert_int_equal(sizes->n, 1);
		assert_int_equal(sizes->first->integer, 2048);
		sizes = value_find(role->allowed_user_key_lengths, "ed25519");
		assert_int_equal(sizes->n, 0);
	}
}

static void
collect(void *ctx, const char *warning)
{
	struct buf *all = ctx;

	(void)buf_addf(all, "%s\n", warning);
}

static void
what_is_odd_is_told(void **state)
{
	static const struct {
		const char *more, *warning; /* "": none */
	} cases[] = {
		{ "\"default_user\":\"a\"", "" },
		{ "\"allowed_extensions\":\"*\"", "" },
		{ "\"allowed_extensions\":\"permit-pty,login@github.com,no-touch-required\"",
			"" },
		{ "\"allowed_extensions\":\"pty\"", "begin with \"permit-\"" },
		{ "\"default_extensions\":{\"pty\":\"\"}",
			"begin with \"permit-\"" },
		{ "\"algorithm_signer\":\"ssh-rsa\"", "allow_sha1_signatures" },
		{ "\"allow_empty_principals\":true", "good for every account" },
		{ "\"default_user\":\"root\"",
			"default_user is not in allowed_users" },
		{ "\"default_user\":\"a,root\"",
			"default_user is not in allowed_users" },
		{ "\"allow_host_certificates\":true,\"allowed_domains\":\"a.b\"",
			"no host certificate can be signed" },
		{ "\"allow_host_certificates\":true,\"allowed_domains\":\"a.b\",\"allow_subdomains\":true",
			"" },
		{ "\"allow_host_certificates\":true,\"allowed_domains\":\"*\"",
			"" },
		{ "\"allowed_domains\":\"a,*\"", "in a list it is a literal" },
		{ "\"default_critical_options\":{\"source-address\":\"10.0.0.0/8, ::1\"}",
			"" },
		{ "\"default_critical_options\":{\"source-address\":\"web\"}",
			"sshd refuses such certificates" },
		{ "\"forced_critical_options\":{\"source-address\":\"\"}",
			"sshd refuses such certificates" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char json[512];
		struct ssh_role *role = NULL;
		struct err err = { 0 };
		struct buf all;

		(void)snprintf(json, sizeof(json),
			USER ",\"allowed_users\":\"a\",%s}", cases[i].more);
		assert_int_equal(check(json, &role, &err), 0);
		buf_init(&all, 4096);
		ca_role_warn(role, collect, &all);
		if (cases[i].warning[0] == '\0'
				? all.len > 0
				: strstr(buf_str(&all), cases[i].warning) ==
					NULL)
			fail_msg("%s: %s", cases[i].more, buf_str(&all));
		buf_clear(&all);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_fault_is_told_in_order),
		cmocka_unit_test(a_stored_role_has_its_defaults),
		cmocka_unit_test(an_otp_role_signs_nothing),
		cmocka_unit_test(sizes_of_keys_become_lists),
		cmocka_unit_test(what_is_odd_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
