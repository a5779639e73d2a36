/* Certificates of an authority of one's own: names, limits, the chain. */
#include "client/x509make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

static struct x509make authority;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	return x509make_authority("test CA", 31, &authority, &err);
}

static int
teardown(void **state)
{
	(void)state;
	x509make_clear(&authority);
	return 0;
}

static void
only_names_of_hosts_are_names(void **state)
{
	static const char *const good[] = { "a", "sp.example.org",
		"*.example.org", "a-b.c", "10.0.0.5", "::1", "fe80::1",
		"_x.y" };
	static const char *const bad[] = { "", ".", "-a", "a.", "a..b",
		"a,DNS:b", "a b", "a:b", "*", "*.", "a/b", "a*", "IP:1.2.3.4",
		"\xc3\xa4.example" };
	char longest[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(x509make_name_is_good(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(x509make_name_is_good(bad[i]));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(x509make_name_is_good(longest));
}

static void
a_certificate_holds_for_its_names_alone(void **state)
{
	static const char *const names[] = { "sp.example.org", "10.0.0.5",
		"::1" };
	struct x509make made = { 0 };

	(void)state;
	err_clear(&err);
	assert_int_equal(x509make_server(&authority, names, ARRAY_LEN(names),
				 30, &made, &err),
		0);
	assert_int_equal(X509_verify(made.cert, authority.key), 1);
	assert_int_equal(
		X509_check_issued(authority.cert, made.cert), X509_V_OK);
	assert_int_equal(X509_check_ca(authority.cert), 1);
	assert_int_equal(X509_check_ca(made.cert), 0);
	assert_int_equal(
		X509_check_host(made.cert, "sp.example.org", 0, 0, NULL), 1);
	assert_int_equal(
		X509_check_host(made.cert, "example.org", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(made.cert, "10.0.0.5", 0), 1);
	assert_int_equal(X509_check_ip_asc(made.cert, "::1", 0), 1);
	assert_int_equal(X509_check_ip_asc(made.cert, "10.0.0.6", 0), 0);
	assert_int_equal(
		X509_get_extended_key_usage(made.cert), XKU_SSL_SERVER);
	x509make_clear(&made);
}

static void
a_wrong_name_or_time_makes_nothing(void **state)
{
	static const char *const bad[] = { "a,DNS:b" };
	static const char *const good[] = { "a" };
	struct x509make made = { 0 };

	(void)state;
	err_clear(&err);
	assert_int_equal(
		x509make_server(&authority, bad, 1, 1, &made, &err), ERR_INPUT);
	err_clear(&err);
	assert_int_equal(x509make_server(&authority, good, 1, 32, &made, &err),
		ERR_INPUT);
	assert_string_equal(
		err.message, "the certificate would outlive its authority");
	assert_null(made.cert);
	assert_null(made.key);
}

static void
put(const char *path, struct buf *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
	assert_int_equal(fclose(file), 0);
	buf_clear(text);
	buf_init(text, 65536);
}

static void
an_authority_is_read_again_with_its_own_key_alone(void **state)
{
	char dir[] = "/tmp/x509makeXXXXXX";
	char cert_path[64], key_path[64];
	struct x509make other = { 0 };
	struct x509make read = { 0 };
	struct buf text;

	(void)state;
	buf_init(&text, 65536);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(cert_path, sizeof(cert_path), "%s/c", dir);
	(void)snprintf(key_path, sizeof(key_path), "%s/k", dir);
	assert_int_equal(x509make_cert_pem(&authority, &text), 0);
	put(cert_path, &text);
	assert_int_equal(x509make_key_pem(&authority, &text), 0);
	put(key_path, &text);
	err_clear(&err);
	assert_int_equal(x509make_load(cert_path, key_path, &read, &err), 0);
	assert_int_equal(X509_cmp(read.cert, authority.cert), 0);
	x509make_clear(&read);
	assert_int_equal(x509make_authority("other", 1, &other, &err), 0);
	assert_int_equal(x509make_key_pem(&other, &text), 0);
	put(key_path, &text);
	assert_int_equal(
		x509make_load(cert_path, key_path, &read, &err), ERR_INPUT);
	assert_null(read.cert);
	x509make_clear(&other);
	buf_clear(&text);
	(void)unlink(cert_path);
	(void)unlink(key_path);
	(void)rmdir(dir);
}

static void
a_fingerprint_is_hex_with_colons(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1024);
	assert_int_equal(x509make_fingerprint(&authority, &text), 0);
	assert_int_equal(text.len, 32 * 3 - 1);
	assert_int_equal(strspn(buf_str(&text), "0123456789ABCDEF:"), text.len);
	buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_names_of_hosts_are_names),
		cmocka_unit_test(a_certificate_holds_for_its_names_alone),
		cmocka_unit_test(a_wrong_name_or_time_makes_nothing),
		cmocka_unit_test(
			an_authority_is_read_again_with_its_own_key_alone),
		cmocka_unit_test(a_fingerprint_is_hex_with_colons),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
