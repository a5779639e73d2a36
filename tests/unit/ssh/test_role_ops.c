/* roles/:role as callers write, read, list and delete them. */
#include "tests/unit/ssh/ssh_fixture.h"

static void
a_role_is_shown_as_it_holds(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", "ssh/roles/web", NULL, 200, NULL,
			"\"allowed_users\":\"bob\",\"cidr_list\":\"10.0.0.0/8\",\"default_user\":\"ubuntu\",\"exclude_cidr_list\":\"10.9.0.0/16\",\"key_type\":\"otp\",\"port\":22,\"ttl\":600" },
		{ "POST", "ssh/roles/any",
			"{\"key_type\":\"otp\",\"default_user\":\"u\",\"port\":2222,\"max_ttl\":\"1h\"}",
			204, NULL, NULL },
		{ "GET", "ssh/roles/any", NULL, 200, NULL,
			"\"max_ttl\":3600,\"port\":2222}" },
		{ "GET", "ssh/roles/any", NULL, 200, NULL,
			"cidr_list is empty" },
		{ "LIST", "ssh/roles", NULL, 200, NULL,
			"\"key_info\":{\"any\":{\"key_type\":\"otp\"},\"web\":{\"key_type\":\"otp\"}}" },
		{ "LIST", "ssh/roles", NULL, 200, NULL,
			"\"keys\":[\"any\",\"web\"]" },
		{ "DELETE", "ssh/roles/any", NULL, 204, NULL, NULL },
		{ "GET", "ssh/roles/any", NULL, 404, NULL, NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
a_refused_write_changes_nothing(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/roles/web", "{\"key_type\":\"otp\"}", 400, NULL,
			NULL },
		{ "POST", "ssh/roles/web",
			"{\"key_type\":\"otp\",\"default_user\":\"u\",\"cidr_list\":\"10.0.0.0/08\"}",
			400, NULL, NULL },
		{ "GET", "ssh/roles/web", NULL, 200, NULL,
			"\"default_user\":\"ubuntu\"" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

/* The shape of spec/ssh-engine.md 2.3, and what is ours where it is used. */
static void
a_ca_role_is_shown_as_it_holds(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/roles/ops",
			"{\"key_type\":\"ca\",\"allow_user_certificates\":true,\"allowed_users\":\"ops,deploy\",\"default_user\":\"ops\",\"allowed_extensions\":\"permit-pty,permit-port-forwarding\",\"default_extensions\":{\"permit-pty\":\"\"},\"ttl\":\"30m\",\"max_ttl\":\"4h\"}",
			204, NULL, NULL },
		{ "GET", "ssh/roles/ops", NULL, 200, NULL,
			"\"data\":{\"allow_bare_domains\":false,\"allow_commas_in_identity_templates\":false,\"allow_empty_principals\":false,\"allow_host_certificates\":false,\"allow_subdomains\":false,\"allow_user_certificates\":true,\"allow_user_key_ids\":false,\"allowed_critical_options\":\"\",\"allowed_domains\":\"\",\"allowed_domains_template\":false,\"allowed_extensions\":\"permit-pty,permit-port-forwarding\",\"allowed_users\":\"ops,deploy\",\"allowed_users_template\":false,\"algorithm_signer\":\"default\",\"allowed_user_key_lengths\":{},\"default_critical_options\":{},\"default_extensions\":{\"permit-pty\":\"\"},\"default_extensions_template\":false,\"default_user\":\"ops\",\"default_user_template\":false,\"issuer_ref\":\"default\",\"key_bits\":0,\"key_id_format\":\"\",\"key_type\":\"ca\",\"max_ttl\":14400,\"not_before_duration\":30,\"ttl\":1800}" },
		{ "LIST", "ssh/roles", NULL, 200, NULL,
			"\"ops\":{\"issuer_ref\":\"default\",\"key_type\":\"ca\"}" },
		{ "POST", "ssh/roles/ours",
			"{\"key_type\":\"ca\",\"allow_user_certificates\":true,\"bind_source_address\":true,\"denied_extensions\":[\"a\"],\"forced_critical_options\":{\"b\":\"c\"},\"issue_requires_wrapping\":true,\"allowed_user_key_lengths\":{\"rsa\":[2048,\"4096\"]}}",
			204, NULL, NULL },
		{ "GET", "ssh/roles/ours", NULL, 200, NULL,
			"\"bind_source_address\":true,\"denied_extensions\":[\"a\"],\"forced_critical_options\":{\"b\":\"c\"},\"issue_requires_wrapping\":true}" },
		{ "GET", "ssh/roles/ours", NULL, 200, NULL,
			"\"allowed_user_key_lengths\":{\"rsa\":[2048,4096]}" },
		{ "GET", "ssh/roles/ours", NULL, 200, NULL,
			"allowed_users is empty" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

/* A client tells a CA role by the text of the last refusal. */
static void
a_ca_role_gives_no_password(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/roles/ca",
			"{\"key_type\":\"ca\",\"allow_user_certificates\":true,\"cidr_list\":\"10.0.0.0/8\",\"allowed_users\":\"*\"}",
			204, NULL, NULL },
		{ "POST", "ssh/creds/ca", "{\"ip\":\"10.1.2.3\"}", 400, NULL,
			"No default username registered. Use 'username' option" },
		{ "POST", "ssh/creds/ca",
			"{\"ip\":\"10.1.2.3\",\"username\":\"a\"}", 400, NULL,
			"Error validating IP: IP does not belong to role" },
		{ "POST", "ssh/config/zeroaddress", "{\"roles\":\"ca\"}", 204,
			NULL, NULL },
		{ "POST", "ssh/creds/ca",
			"{\"ip\":\"10.1.2.3\",\"username\":\"a\"}", 500, NULL,
			"key type unknown" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_role_is_shown_as_it_holds),
		MOUNTED(a_refused_write_changes_nothing),
		MOUNTED(a_ca_role_is_shown_as_it_holds),
		MOUNTED(a_ca_role_gives_no_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
