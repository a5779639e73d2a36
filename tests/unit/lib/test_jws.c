/*
 * Signed tokens against sets of keys. The vectors of others are put to the
 * same code by wycheproof_suite.py; here it is which key is used for what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "lib/codec.h"
#include "lib/json.h"
#include "lib/jws.h"

#define CLAIMS "{\"sub\":\"bob\"}"

static EVP_PKEY *rsa, *p256, *p384, *p521, *ed25519;

/* What signs with what: names of algorithms that one key is good for. */
static const struct signer {
	const char *alg;
	EVP_PKEY **key;
} signers[] = {
	{ "RS256", &rsa },
	{ "RS384", &rsa },
	{ "RS512", &rsa },
	{ "PS256", &rsa },
	{ "PS384", &rsa },
	{ "PS512", &rsa },
	{ "ES256", &p256 },
	{ "ES384", &p384 },
	{ "ES512", &p521 },
	{ "EdDSA", &ed25519 },
};

static struct arena *arena;
static struct err err;

static int
make_keys(void **state)
{
	(void)state;
	json_setup();
	rsa = EVP_RSA_gen(2048);
	p256 = EVP_EC_gen("P-256");
	p384 = EVP_EC_gen("P-384");
	p521 = EVP_EC_gen("P-521");
	ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return rsa == NULL || p256 == NULL || p384 == NULL || p521 == NULL ||
		ed25519 == NULL;
}

static int
free_keys(void **state)
{
	(void)state;
	for (size_t i = 5; i < ARRAY_LEN(signers); i++)
		EVP_PKEY_free(*signers[i].key);
	return 0;
}

static int
begin(void **state)
{
	(void)state;
	arena = arena_new((size_t)16 * 1024 * 1024);
	err_clear(&err);
	return arena == NULL;
}

static int
end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const char *
base64url(struct span bytes)
{
	struct buf out;
	char *text;

	buf_init(&out, 65536);
	assert_int_equal(base64_encode(bytes, &out), 0);
	text = arena_strdup(arena, buf_str(&out));
	buf_clear(&out);
	assert_non_null(text);
	for (char *c = text; *c != '\0'; c++) {
		if (*c == '+')
			*c = '-';
		else if (*c == '/')
			*c = '_';
		else if (*c == '=')
			*c = '\0';
	}
	return text;
}

/* r and s side by side, of OpenSSL's DER. */
static struct span
flat(const uint8_t *der, size_t len, size_t half)
{
	uint8_t *out = arena_alloc(arena, 2, half);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	assert_non_null(sig);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half);
	ECDSA_SIG_free(sig);
	return span_of(out, 2 * half);
}

static struct span
signature(const char *text, const struct jws_alg *alg, EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx = NULL;
	uint8_t *out = arena_alloc(arena, 1, 1024);
	size_t len = 1024;

	assert_int_equal(EVP_DigestSignInit_ex(ctx, &key_ctx, alg->digest, NULL,
				 NULL, key, NULL),
		1);
	if (alg->is_pss) {
		EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(
			key_ctx, RSA_PSS_SALTLEN_DIGEST);
	}
	assert_int_equal(EVP_DigestSign(ctx, out, &len, (const uint8_t *)text,
				 strlen(text)),
		1);
	EVP_MD_CTX_free(ctx);
	return alg->half != 0 ? flat(out, len, alg->half) : span_of(out, len);
}

/* A token with this header, signed as alg says. */
static const char *
sign(const char *header, const char *alg, EVP_PKEY *key)
{
	const char *text = arena_printf(arena, "%s.%s",
		base64url(span_str(header)), base64url(span_str(CLAIMS)));

	return arena_printf(arena, "%s.%s", text,
		base64url(signature(text, jws_alg_find(alg), key)));
}

static const char *
sign_plain(const char *alg, EVP_PKEY *key)
{
	return sign(arena_printf(arena, "{\"alg\":\"%s\"}", alg), alg, key);
}

static void
add_pem(struct jwks *keys, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(
		jwks_add_pem(keys, span_of(text, (size_t)len), &err), 0);
	BIO_free(bio);
}

static int
verify(const char *token, const struct jwks *keys)
{
	struct jws jws;

	assert_int_equal(jws_parse(span_str(token), arena, &jws, &err), 0);
	assert_true(span_equal(jws.payload, span_str(CLAIMS)));
	return jws_verify(&jws, keys);
}

static int
verify_with(const char *token, EVP_PKEY *key)
{
	struct jwks *keys = jwks_new();
	int rc;

	add_pem(keys, key);
	rc = verify(token, keys);
	jwks_free(&keys);
	return rc;
}

static void
each_algorithm_takes_what_its_key_signed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
		const struct signer *signer = &signers[i];
		const char *token = sign_plain(signer->alg, *signer->key);

		assert_int_equal(verify_with(token, *signer->key), 0);
	}
}

/* A key is not even tried with the algorithm of another type or curve. */
static void
a_key_of_another_kind_is_no_candidate(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
		const struct signer *signer = &signers[i];
		const char *token = sign_plain(signer->alg, *signer->key);

		for (size_t k = 0; k < ARRAY_LEN(signers); k++) {
			if (*signers[k].key != *signer->key)
				assert_int_equal(
					verify_with(token, *signers[k].key),
					ERR_ABSENT);
		}
	}
}

static void
a_signature_of_another_algorithm_is_refused(void **state)
{
	static const char *const algs[] = { "RS256", "RS384", "RS512", "PS256",
		"PS384", "PS512" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		for (size_t k = 0; k < ARRAY_LEN(algs); k++) {
			const char *header = arena_printf(
				arena, "{\"alg\":\"%s\"}", algs[i]);

			assert_int_equal(
				verify_with(sign(header, algs[k], rsa), rsa),
				i == k ? 0 : ERR_CRYPTO);
		}
	}
}

static const char *
ec_jwk(EVP_PKEY *key, const char *more)
{
	uint8_t point[133];
	size_t len = 0, half;

	assert_int_equal(EVP_PKEY_get_octet_string_param(
				 key, "pub", point, sizeof(point), &len),
		1);
	half = (len - 1) / 2;
	return arena_printf(arena,
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}",
		base64url(span_of(point + 1, half)),
		base64url(span_of(point + 1 + half, half)), more);
}

/* How many keys of `{"keys":[…]}` are of use. */
static size_t
count(const char *list)
{
	struct jwks *keys = jwks_new();
	char *text = arena_printf(arena, "{\"keys\":[%s]}", list);
	size_t n;

	assert_int_equal(jwks_add_json(keys, span_str(text), &err), 0);
	n = jwks_count(keys);
	jwks_free(&keys);
	return n;
}

static void
keys_that_are_of_no_use_are_passed_over(void **state)
{
	static const char *const useless[] = { "null", "1", "[]", "{}",
		"{\"kty\":\"oct\",\"k\":\"AAAA\"}",
		"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}" };
	static const char *const misused[] = { ",\"use\":\"enc\"",
		",\"key_ops\":[\"sign\"]", ",\"key_ops\":[]",
		",\"alg\":\"HS256\"", ",\"alg\":\"none\"" };

	(void)state;
	assert_int_equal(count(ec_jwk(p256, "")), 1);
	assert_int_equal(count(ec_jwk(p256,
				 ",\"use\":\"sig\",\"alg\":\"ES256\","
				 "\"key_ops\":[\"sign\",\"verify\"]")),
		1);
	for (size_t i = 0; i < ARRAY_LEN(useless); i++)
		assert_int_equal(count(useless[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(misused); i++)
		assert_int_equal(count(ec_jwk(p256, misused[i])), 0);
}

static void
a_point_off_its_curve_is_no_key(void **state)
{
	char *jwk = arena_strdup(arena, ec_jwk(p256, ""));
	char *y = strstr(jwk, "\"y\":\"") + 5;

	(void)state;
	*y = *y == 'A' ? 'B' : 'A';
	assert_int_equal(count(jwk), 0);
}

static void
what_is_no_set_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "{\"keys\":1}",
		"{\"keys\":[],\"keys\":[]}", "{\"keys\":[]} x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct jwks *keys = jwks_new();

		err_clear(&err);
		assert_int_equal(
			jwks_add_json(keys, span_str(bad[i]), &err), ERR_INPUT);
		assert_int_equal(err.status, 400);
		jwks_free(&keys);
	}
}

static void
a_set_has_a_largest_size(void **state)
{
	struct jwks *keys = jwks_new();
	struct buf text;

	(void)state;
	buf_init(&text, 1024 * 1024);
	(void)buf_add_str(&text, "{\"keys\":[");
	for (size_t i = 0; i <= JWKS_KEYS_MAX; i++)
		(void)buf_addf(
			&text, "%s%s", i > 0 ? "," : "", ec_jwk(p256, ""));
	(void)buf_add_str(&text, "]}");
	assert_int_equal(jwks_add_json(keys, buf_span(&text), &err), ERR_LIMIT);
	buf_clear(&text);
	jwks_free(&keys);
}

static void
a_key_id_chooses_the_key(void **state)
{
	struct jwks *keys = jwks_new();
	char *text = arena_printf(arena, "{\"keys\":[%s,%s]}",
		ec_jwk(p256, ",\"kid\":\"a\""),
		ec_jwk(p256, ",\"kid\":\"b\",\"alg\":\"ES384\""));

	(void)state;
	assert_int_equal(jwks_add_json(keys, span_str(text), &err), 0);
	assert_int_equal(verify(sign_plain("ES256", p256), keys), 0);
	assert_int_equal(
		verify(sign("{\"alg\":\"ES256\",\"kid\":\"a\"}", "ES256", p256),
			keys),
		0);
	assert_int_equal(
		verify(sign("{\"alg\":\"ES256\",\"kid\":\"b\"}", "ES256", p256),
			keys),
		ERR_ABSENT);
	assert_int_equal(
		verify(sign("{\"alg\":\"ES256\",\"kid\":\"c\"}", "ES256", p256),
			keys),
		ERR_ABSENT);
	jwks_free(&keys);
}

static void
pem_text_must_hold_keys_alone(void **state)
{
	static const char *const bad[] = {
		"", "x",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct jwks *keys = jwks_new();

		err_clear(&err);
		assert_int_equal(
			jwks_add_pem(keys, span_str(bad[i]), &err), ERR_INPUT);
		jwks_free(&keys);
	}
}

static void
a_broken_block_behind_a_good_one_is_refused(void **state)
{
	static const char *const broken[] = {
		"-----BEGIN PUBLIC KEY-----\nAAAA\n",
		"-----BEGIN PUBLIC KEY-----\n?\n-----END PUBLIC KEY-----\n",
	};
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	int len;

	(void)state;
	assert_int_equal(PEM_write_bio_PUBKEY(bio, p256), 1);
	len = (int)BIO_get_mem_data(bio, &text);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct jwks *keys = jwks_new();
		const char *both =
			arena_printf(arena, "%.*s%s", len, text, broken[i]);

		err_clear(&err);
		assert_int_equal(
			jwks_add_pem(keys, span_str(both), &err), ERR_INPUT);
		jwks_free(&keys);
	}
	BIO_free(bio);
}

static void
headers_outside_the_rules_are_refused(void **state)
{
	static const char *const bad[] = { "", "{}", "[]", "\"ES256\"",
		"{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}",
		"{\"alg\":\"es256\"}", "{\"alg\":\"ES256K\"}", "{\"alg\":1}",
		"{\"alg\":\"none\",\"alg\":\"ES256\"}",
		"{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}",
		"{\"alg\":\"ES256\",\"crit\":[]}",
		"{\"alg\":\"ES256\",\"kid\":7}", "{\"alg\":\"ES256\"}x" };
	struct jws jws;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *token = sign(bad[i], "ES256", p256);

		err_clear(&err);
		assert_int_equal(jws_parse(span_str(token), arena, &jws, &err),
			ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_non_null(strstr(err.message, "malformed jwt: "));
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_algorithm_takes_what_its_key_signed),
		TEST(a_key_of_another_kind_is_no_candidate),
		TEST(a_signature_of_another_algorithm_is_refused),
		TEST(keys_that_are_of_no_use_are_passed_over),
		TEST(a_point_off_its_curve_is_no_key),
		TEST(what_is_no_set_is_refused),
		TEST(a_set_has_a_largest_size),
		TEST(a_key_id_chooses_the_key),
		TEST(pem_text_must_hold_keys_alone),
		TEST(a_broken_block_behind_a_good_one_is_refused),
		TEST(headers_outside_the_rules_are_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
