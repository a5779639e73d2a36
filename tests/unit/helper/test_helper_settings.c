/* The helper's configuration: files of vault-ssh-helper, and every fault. */
#include "helper/helper_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int
parse(struct arena *arena, const char *text, bool dev,
	struct helper_settings *ret_settings, struct err *err)
{
	*err = (struct err){ 0 };
	return helper_settings_parse(
		span_str(text), dev, arena, ret_settings, err);
}

static void
a_file_of_the_peer_is_read(void **state)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct helper_settings got;
	struct err err;

	(void)state;
	assert_int_equal(parse(arena,
				 "# a comment\n"
				 "vault_addr = \"https://a:8200\"\n"
				 "ssh_mount_point = \"/ssh/prod/\"\n"
				 "ca_cert = \"/ca.pem\"\n"
				 "tls_skip_verify = false\n"
				 "allowed_roles = \"a,b\"\n"
				 "allowed_cidr_list=\"10.0.0.1/32\"\n",
				 false, &got, &err),
		0);
	assert_string_equal(got.vault_addr, "https://a:8200");
	assert_string_equal(got.ssh_mount_point, "ssh/prod");
	assert_string_equal(got.ca_cert, "/ca.pem");
	assert_string_equal(got.allowed_roles, "a,b");
	assert_int_equal(got.timeout_seconds, 10);
	assert_false(got.allow_loopback);
	assert_int_equal(parse(arena, "{\"sallyport_addr\": \"HTTPS://a\"}",
				 false, &got, &err),
		0);
	assert_string_equal(got.vault_addr, "HTTPS://a");
	assert_string_equal(got.ssh_mount_point, "ssh");
	arena_free(&arena);
}

static void
dev_drops_authorities(void **state)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct helper_settings got;
	struct err err;

	(void)state;
	assert_int_equal(
		parse(arena,
			"vault_addr = \"http://a\"\nca_cert = \"/x\"\nca_path = \"/y\"",
			true, &got, &err),
		0);
	assert_string_equal(got.ca_cert, "");
	assert_string_equal(got.ca_path, "");
	arena_free(&arena);
}

static void
each_fault_has_its_text(void **state)
{
	static const struct {
		const char *text;
		bool dev;
		const char *message;
	} bad[] = {
		{ "", false, "missing config \"vault_addr\"" },
		{ "vault_addr = \" , \"", false,
			"missing config \"vault_addr\"" },
		{ "vault_addr = \"http://a\"", false,
			"unsupported scheme. use 'dev' mode" },
		{ "vault_addr = \"HTTP://a\"", false,
			"unsupported scheme. use 'dev' mode" },
		{ "vault_addr = \"https://a\"", true,
			"unsupported scheme in 'dev' mode" },
		{ "vault_addr = \"a:8200\"", false, "unsupported scheme" },
		{ "vault_addr = \"https://\"", false, "unsupported scheme" },
		{ "vault_addr = \"https://a,http://b\"", false,
			"unsupported scheme. use 'dev' mode" },
		{ "vault_addr = \"https://a\"\nvault_adr = \"x\"", false,
			"ssh_helper: invalid key \"vault_adr\" on line 2" },
		{ "vault_addr = \"https://a\"\nsallyport_addr = \"https://b\"",
			false, "both" },
		{ "vault_addr = ", false, "error parsing config: " },
		{ "vault_addr = \"https://a\"\nallowed_cidr_list = \"10.0.0.0/8, x\"",
			false, "invalid CIDR address: x" },
		{ "vault_addr = \"https://a\"\nserver_spki_sha256 = \"c2hvcnQ=\"",
			false, "server_spki_sha256" },
	};
	struct arena *arena = arena_new(1024 * 1024);
	struct helper_settings got;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_not_equal(
			parse(arena, bad[i].text, bad[i].dev, &got, &err), 0);
		assert_non_null(strstr(err.message, bad[i].message));
	}
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_the_peer_is_read),
		cmocka_unit_test(dev_drops_authorities),
		cmocka_unit_test(each_fault_has_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
