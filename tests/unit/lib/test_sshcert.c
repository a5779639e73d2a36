/*
 * Certificates made here: the parts that went in come out again, in order,
 * and what may not stand in one is refused.
 */
#include "lib/sshcert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/sshkeypair.h"

static struct sshkeypair *subject, *ca;

static const uint8_t nonce[32] = { 1, 2, 3 };

static int
setup(void **state)
{
	(void)state;
	return sodium_init() < 0 ||
		sshkeypair_generate("ed25519", 0, &subject, NULL) != 0 ||
		sshkeypair_generate("ec", 256, &ca, NULL) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	sshkeypair_free(&subject);
	sshkeypair_free(&ca);
	return 0;
}

static const struct span names[] = {
	{ (const uint8_t *)"deploy", 6 },
	{ (const uint8_t *)"ops", 3 },
};

#define TEXT(text)                                                             \
	{                                                                      \
		(const uint8_t *)(text), sizeof(text) - 1                      \
	}

static const struct sshcert_option critical[] = {
	{ TEXT("source-address"), TEXT("10.0.0.0/8") },
	{ TEXT("force-command"), TEXT("/bin/date") },
};

static const struct sshcert_option extensions[] = {
	{ TEXT("permit-pty"), TEXT("") },
	{ TEXT("login@example.com"), TEXT("bob") },
	{ TEXT("permit-X11-forwarding"), TEXT("") },
};

static struct sshcert_parts
some_parts(void)
{
	return (struct sshcert_parts){
		.nonce = span_of(nonce, sizeof(nonce)),
		.key = sshkeypair_public(subject),
		.serial = 0xf65ed2fd21443d5c,
		.type = SSHCERT_USER,
		.key_id = span_str("an id"),
		.principals = names,
		.n_principals = ARRAY_LEN(names),
		.after_s = 1000,
		.before_s = 2000,
		.critical = critical,
		.n_critical = ARRAY_LEN(critical),
		.extensions = extensions,
		.n_extensions = ARRAY_LEN(extensions),
		.ca = sshkeypair_public(ca),
	};
}

static int
build(const struct sshcert_parts *parts)
{
	struct buf out;
	int rc;

	buf_init(&out, SSHCERT_BLOB_MAX);
	rc = sshcert_build(parts, &out);
	if (rc != 0)
		assert_int_equal(out.len, 0);
	buf_clear(&out);
	return rc;
}

static void
assert_text(struct span found, const char *text)
{
	assert_true(span_equal(found, span_str(text)));
}

static void
assert_options(struct span rest, const char *const *expected)
{
	struct span name, value;

	for (; *expected != NULL; expected += 2) {
		assert_true(sshcert_next_option(&rest, &name, &value));
		assert_text(name, expected[0]);
		assert_text(value, expected[1]);
	}
	assert_int_equal(rest.len, 0);
}

static void
assert_parts(const struct sshcert *cert)
{
	static const char *const critical_sorted[] = { "force-command",
		"/bin/date", "source-address", "10.0.0.0/8", NULL };
	static const char *const extensions_sorted[] = { "login@example.com",
		"bob", "permit-X11-forwarding", "", "permit-pty", "", NULL };
	struct span rest = cert->principals, one;

	assert_true(span_equal(cert->nonce, span_of(nonce, sizeof(nonce))));
	assert_int_equal(cert->serial, 0xf65ed2fd21443d5c);
	assert_int_equal(cert->type, SSHCERT_USER);
	assert_text(cert->key_id, "an id");
	assert_true(sshcert_next_principal(&rest, &one));
	assert_text(one, "deploy");
	assert_true(sshcert_next_principal(&rest, &one));
	assert_text(one, "ops");
	assert_int_equal(rest.len, 0);
	assert_int_equal(cert->after_s, 1000);
	assert_int_equal(cert->before_s, 2000);
	assert_options(cert->critical, critical_sorted);
	assert_options(cert->extensions, extensions_sorted);
	assert_true(span_equal(cert->ca, sshkeypair_public(ca)));
}

static void
what_went_in_comes_out(void **state)
{
	const struct sshcert_parts parts = some_parts();
	struct buf out, signature, key;
	struct sshcert cert;

	(void)state;
	buf_init(&out, SSHCERT_BLOB_MAX);
	buf_init(&signature, 4096);
	buf_init(&key, 4096);
	assert_int_equal(sshcert_build(&parts, &out), 0);
	assert_int_equal(sshcert_parse(buf_span(&out), &cert), ERR_INPUT);
	assert_int_equal(sshcert_parse_unsigned(buf_span(&out), &cert), 0);
	assert_parts(&cert);
	assert_true(span_equal(cert.signed_bytes, buf_span(&out)));
	assert_int_equal(cert.signature.len, 0);
	assert_int_equal(sshkeypair_sign(ca, NULL, false, buf_span(&out),
				 &signature, NULL),
		0);
	assert_int_equal(sshcert_add_signature(&out, buf_span(&signature)), 0);
	assert_int_equal(
		sshcert_parse_unsigned(buf_span(&out), &cert), ERR_INPUT);
	assert_int_equal(sshcert_parse(buf_span(&out), &cert), 0);
	assert_parts(&cert);
	assert_int_equal(sshcert_verify(&cert), 0);
	assert_int_equal(sshkey_build(&cert.key, &key), 0);
	assert_true(span_equal(buf_span(&key), sshkeypair_public(subject)));
	out.data[cert.signed_bytes.len / 2] ^= 1;
	if (sshcert_parse(buf_span(&out), &cert) == 0)
		assert_int_equal(sshcert_verify(&cert), ERR_CRYPTO);
	buf_clear(&key);
	buf_clear(&signature);
	buf_clear(&out);
}

static void
every_byte_is_read(void **state)
{
	const struct sshcert_parts parts = some_parts();
	struct sshcert cert;
	struct buf out;

	(void)state;
	buf_init(&out, SSHCERT_BLOB_MAX);
	assert_int_equal(sshcert_build(&parts, &out), 0);
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(
			sshcert_parse_unsigned(span_of(out.data, len), &cert),
			ERR_INPUT);
	(void)buf_add_char(&out, 0);
	assert_int_equal(
		sshcert_parse_unsigned(buf_span(&out), &cert), ERR_INPUT);
	buf_clear(&out);
}

static void
nothing_at_all_may_be_in_it(void **state)
{
	struct sshcert_parts parts = some_parts();

	(void)state;
	parts.n_principals = parts.n_critical = parts.n_extensions = 0;
	parts.key_id = SPAN_NONE;
	assert_int_equal(build(&parts), 0);
}

static void
the_number_of_principals_is_bounded(void **state)
{
	struct span many[SSHCERT_PRINCIPALS_MAX + 1];
	struct sshcert_parts parts = some_parts();
	char longest[256];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = span_of(longest, 255);
	parts.principals = many;
	parts.n_principals = SSHCERT_PRINCIPALS_MAX;
	assert_int_equal(build(&parts), 0);
	parts.n_principals++;
	assert_int_equal(build(&parts), ERR_INPUT);
	parts.n_principals = 1;
	many[0].len = 256;
	assert_int_equal(build(&parts), ERR_INPUT);
	many[0].len = 0;
	assert_int_equal(build(&parts), ERR_INPUT);
}

/* Each byte at each end of a name: only those of the list get in. */
static void
a_principal_has_a_form(void **state)
{
	static const char bad_user[] = " ,\"'\\*?!\x7f";
	static const char good_host[] = "abcdefghijklmnopqrstuvwxyz"
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789-._:%";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const uint8_t names3[] = { (uint8_t)c, 'a', (uint8_t)c };
		const bool user = c > ' ' && c < 0x7f && !strchr(bad_user, c);
		const bool host = c != 0 && strchr(good_host, c) != NULL;

		for (size_t i = 0; i < 2; i++) {
			struct sshcert_parts parts = some_parts();
			struct span name = span_of(names3 + i, 2);

			parts.principals = &name;
			parts.n_principals = 1;
			assert_int_equal(build(&parts), user ? 0 : ERR_INPUT);
			parts.type = SSHCERT_HOST;
			assert_int_equal(build(&parts), host ? 0 : ERR_INPUT);
		}
	}
	assert_true(
		sshcert_is_principal(SSHCERT_HOST, span_str("*.example.com")));
	assert_false(sshcert_is_principal(SSHCERT_HOST, span_str("*.")));
	assert_false(sshcert_is_principal(SSHCERT_HOST, span_str("a.*.b")));
	assert_false(
		sshcert_is_principal(SSHCERT_USER, span_str("*.example.com")));
}

static void
a_name_stands_once(void **state)
{
	const struct sshcert_option twice[] = { critical[0], critical[1],
		critical[0] };
	const struct sshcert_option nameless = { TEXT(""), TEXT("x") };
	struct sshcert_parts parts = some_parts();

	(void)state;
	parts.critical = twice;
	parts.n_critical = ARRAY_LEN(twice);
	assert_int_equal(build(&parts), ERR_INPUT);
	parts = some_parts();
	parts.extensions = &nameless;
	parts.n_extensions = 1;
	assert_int_equal(build(&parts), ERR_INPUT);
}

static void
no_text_holds_a_nul(void **state)
{
	const struct sshcert_option name = { TEXT("a\0b"), TEXT("x") };
	const struct sshcert_option value = { TEXT("a"), TEXT("x\0y") };
	struct sshcert_parts parts = some_parts();

	(void)state;
	parts.key_id = name.name;
	assert_int_equal(build(&parts), ERR_INPUT);
	parts = some_parts();
	parts.n_critical = parts.n_extensions = 1;
	parts.critical = &name;
	assert_int_equal(build(&parts), ERR_INPUT);
	parts.critical = critical;
	parts.extensions = &value;
	assert_int_equal(build(&parts), ERR_INPUT);
}

static void
keys_must_be_keys(void **state)
{
	struct sshcert_parts parts = some_parts();
	struct buf whole;

	(void)state;
	buf_init(&whole, SSHCERT_BLOB_MAX);
	assert_int_equal(sshcert_build(&parts, &whole), 0);
	parts.key = span_str("no key");
	assert_int_equal(build(&parts), ERR_INPUT);
	parts.key = buf_span(&whole);
	assert_int_equal(build(&parts), ERR_INPUT);
	parts = some_parts();
	parts.ca = buf_span(&whole);
	assert_int_equal(build(&parts), ERR_INPUT);
	parts = some_parts();
	parts.nonce.len--;
	assert_int_equal(build(&parts), ERR_INPUT);
	parts = some_parts();
	parts.type = (enum sshcert_type)3;
	assert_int_equal(build(&parts), ERR_INPUT);
	buf_clear(&whole);
}

static void
what_does_not_fit_is_refused(void **state)
{
	struct sshcert_parts parts = some_parts();
	char *huge = malloc(SSHCERT_BLOB_MAX);

	(void)state;
	memset(huge, 'a', SSHCERT_BLOB_MAX);
	parts.key_id = span_of(huge, SSHCERT_BLOB_MAX);
	assert_int_equal(build(&parts), ERR_LIMIT);
	free(huge);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_went_in_comes_out),
		cmocka_unit_test(every_byte_is_read),
		cmocka_unit_test(nothing_at_all_may_be_in_it),
		cmocka_unit_test(the_number_of_principals_is_bounded),
		cmocka_unit_test(a_principal_has_a_form),
		cmocka_unit_test(a_name_stands_once),
		cmocka_unit_test(no_text_holds_a_nul),
		cmocka_unit_test(keys_must_be_keys),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
