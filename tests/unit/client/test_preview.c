/* Calls that are shown: quoting for a shell, and the policy of a path. */
#include "client/preview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cli_options plain = {
	.ca_cert = "", .ca_path = "", .client_cert = "", .client_key = ""
};

static void
assert_shown(const struct preview *call, const char *want)
{
	struct buf out;

	buf_init(&out, 65536);
	preview_curl(call, &out);
	assert_string_equal(buf_str(&out), want);
	buf_clear(&out);
}

static void
a_read_is_short(void **state)
{
	const struct preview call = { .options = &plain,
		.address = "http://127.0.0.1:8200/",
		.method = "GET",
		.path = "/v1/ssh/roles/web",
		.has_token = true };

	(void)state;
	assert_shown(&call,
		"curl -H \"X-Vault-Request: true\" "
		"-H \"X-Vault-Token: $(sallyport print token)\" "
		"'http://127.0.0.1:8200/v1/ssh/roles/web'\n");
}

static void
nothing_that_is_sent_reaches_the_shell(void **state)
{
	static const char *const headers[] = { "X-Vault-Namespace: `id`/" };
	struct cli_options options = plain;
	const struct preview call = { .options = &options,
		.address = "https://h:8200",
		.method = "PUT",
		.path = "/v1/a?b=$HOME&c='d'",
		.headers = headers,
		.n_headers = 1,
		.body = span_str("{\"a\":\"it's $(id)\"}") };

	(void)state;
	options.tls_skip_verify = true;
	options.ca_cert = "my ca.pem";
	assert_shown(&call,
		"curl -X PUT --insecure --cacert 'my ca.pem' "
		"-H \"X-Vault-Request: true\" "
		"-H 'X-Vault-Namespace: `id`/' "
		"-d '{\"a\":\"it'\"'\"'s $(id)\"}' "
		"'https://h:8200/v1/a?b=$HOME&c='\"'\"'d'\"'\"''\n");
}

static void
a_unix_socket_has_an_option_of_its_own(void **state)
{
	const struct preview call = { .options = &plain,
		.address = "unix:///run/s.sock",
		.method = "GET",
		.path = "/v1/sys/health" };

	(void)state;
	assert_shown(&call,
		"curl -H \"X-Vault-Request: true\" "
		"--unix-socket '/run/s.sock' "
		"'http://localhost/v1/sys/health'\n");
}

static void
a_policy_names_path_and_capabilities(void **state)
{
	static const struct {
		const char *method, *path;
		bool is_list;
		const char *capabilities;
	} rows[] = {
		{ "GET", "ssh/roles/web", false, "\"read\"" },
		{ "GET", "ssh/roles", true, "\"list\"" },
		{ "LIST", "ssh/roles", false, "\"list\"" },
		{ "PUT", "ssh/creds/web", false, "\"create\", \"update\"" },
		{ "POST", "sys/mounts/x", false, "\"create\", \"update\"" },
		{ "DELETE", "ssh/roles/web", false, "\"delete\"" },
		{ "PUT", "sys/seal", false,
			"\"create\", \"update\", \"sudo\"" },
		{ "PUT", "sys/sealed", false, "\"create\", \"update\"" },
		{ "GET", "sys/audit", false, "\"read\", \"sudo\"" },
		{ "DELETE", "sys/auth/x", false, "\"delete\", \"sudo\"" },
		{ "GET", "sys/auth", false, "\"read\"" },
		{ "PUT", "sys/leases/lookup", false, "\"create\", \"update\"" },
		{ "GET", "sys/leases/lookup", true, "\"list\", \"sudo\"" },
		{ "GET", "auth/token/accessors", true, "\"list\", \"sudo\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf got, want;

		buf_init(&got, 4096);
		buf_init(&want, 4096);
		preview_policy(
			rows[i].method, rows[i].path, rows[i].is_list, &got);
		(void)buf_addf(&want,
			"path \"%s\" {\n  capabilities = [%s]\n}\n",
			rows[i].path, rows[i].capabilities);
		assert_string_equal(buf_str(&got), buf_str(&want));
		buf_clear(&got);
		buf_clear(&want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_is_short),
		cmocka_unit_test(nothing_that_is_sent_reaches_the_shell),
		cmocka_unit_test(a_unix_socket_has_an_option_of_its_own),
		cmocka_unit_test(a_policy_names_path_and_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
