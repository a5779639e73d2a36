/*
 * Sets of public keys. JWKs become OpenSSL keys by parameters, which checks
 * that points lie on their curve; every key, whichever form it came in, passes
 * one check of type and strength.
 */
#include "lib/jwks.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/codec.h"
#include "lib/json.h"
#include "lib/pem.h"

#define ED25519_LEN 32
#define MEMBER_MAX 2048 /* bytes of a number of a key */
#define ARENA_MAX ((size_t)8 * 1024 * 1024)

static const struct jws_alg algs[] = {
	{ "RS256", "RSA", NULL, "SHA256", false, 0 },
	{ "RS384", "RSA", NULL, "SHA384", false, 0 },
	{ "RS512", "RSA", NULL, "SHA512", false, 0 },
	{ "PS256", "RSA", NULL, "SHA256", true, 0 },
	{ "PS384", "RSA", NULL, "SHA384", true, 0 },
	{ "PS512", "RSA", NULL, "SHA512", true, 0 },
	{ "ES256", "EC", "prime256v1", "SHA256", false, 32 },
	{ "ES384", "EC", "secp384r1", "SHA384", false, 48 },
	{ "ES512", "EC", "secp521r1", "SHA512", false, 66 },
	{ "EdDSA", "ED25519", NULL, NULL, false, 0 },
};

static const struct json_limits set_limits = {
	.depth = 8, .strings = 4000, .keys = 4000, .nodes = 8000
};

struct jwks {
	size_t n;
	struct jwk keys[JWKS_KEYS_MAX];
};

const struct jws_alg *
jws_alg_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		if (strcmp(algs[i].name, name) == 0)
			return &algs[i];
	}
	return NULL;
}

struct jwks *
jwks_new(void)
{
	return calloc(1, sizeof(struct jwks));
}

void
jwks_free(struct jwks **set)
{
	struct jwks *old = *set;

	*set = NULL;
	if (old == NULL)
		return;
	for (size_t i = 0; i < old->n; i++) {
		EVP_PKEY_free(old->keys[i].key);
		free(old->keys[i].kid);
	}
	free(old);
}

size_t
jwks_count(const struct jwks *set)
{
	return set->n;
}

const struct jwk *
jwks_at(const struct jwks *set, size_t i)
{
	return &set->keys[i];
}

static bool
is_kind(EVP_PKEY *key, const struct jws_alg *alg)
{
	char curve[64] = "";

	if (EVP_PKEY_is_a(key, alg->key_type) != 1)
		return false;
	if (alg->curve == NULL)
		return true;
	return EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
		strcmp(curve, alg->curve) == 0;
}

bool
jwk_fits(const struct jwk *jwk, const struct jws_alg *alg)
{
	return (jwk->alg == NULL || jwk->alg == alg) && is_kind(jwk->key, alg);
}

/* A public exponent of 1 would let everybody sign. */
static bool
is_good_rsa(EVP_PKEY *key)
{
	const int bits = EVP_PKEY_get_bits(key);
	BIGNUM *e = NULL;
	bool good = bits >= JWKS_RSA_MIN && bits <= JWKS_RSA_MAX &&
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
		BN_is_odd(e) == 1 && BN_is_one(e) != 1 && BN_num_bits(e) <= 64;

	BN_free(e);
	return good;
}

/* Whether one of our algorithms can use it, and may. */
static bool
is_good_key(EVP_PKEY *key)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		if (is_kind(key, &algs[i]))
			return EVP_PKEY_is_a(key, "RSA") != 1 ||
				is_good_rsa(key);
	}
	return false;
}

/* Takes the key, whatever comes of it. */
static int
add_key(struct jwks *set, EVP_PKEY *key, const char *kid,
	const struct jws_alg *alg, struct err *err)
{
	char *copy = kid != NULL ? strdup(kid) : NULL;
	int rc = 0;

	if (set->n == JWKS_KEYS_MAX)
		rc = err_set(err, ERR_LIMIT, 400, "more than %d keys",
			JWKS_KEYS_MAX);
	else if (kid != NULL && copy == NULL)
		rc = err_set_memory(err);
	if (rc != 0) {
		EVP_PKEY_free(key);
		free(copy);
		return rc;
	}
	set->keys[set->n++] =
		(struct jwk){ .key = key, .kid = copy, .alg = alg };
	return 0;
}

/* ---- JSON ------------------------------------------------------------- */

/* A member's bytes, of strict base64url; false: it has none such. */
static bool
member_bytes(const struct value *jwk, const char *name, struct buf *out)
{
	const struct value *member = value_find(jwk, name);

	buf_init(out, MEMBER_MAX);
	return member != NULL && member->type == VALUE_STRING &&
		member->len > 0 &&
		base64url_decode(value_text(member), out) == 0;
}

static EVP_PKEY *
key_of_params(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *
rsa_key(const struct value *jwk)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = NULL, *e = NULL;
	struct buf n_bytes, e_bytes;
	EVP_PKEY *key = NULL;
	bool good = member_bytes(jwk, "n", &n_bytes);

	good = member_bytes(jwk, "e", &e_bytes) && good && build != NULL;
	if (good) {
		n = BN_bin2bn(n_bytes.data, (int)n_bytes.len, NULL);
		e = BN_bin2bn(e_bytes.data, (int)e_bytes.len, NULL);
	}
	if (n != NULL && e != NULL &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		key = key_of_params("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	buf_clear(&n_bytes);
	buf_clear(&e_bytes);
	return key;
}

/* A JWK's name of a curve, OpenSSL's, and the bytes of a coordinate. */
static const struct jws_curve {
	const char *crv, *group;
	size_t len;
} curves[] = {
	{ "P-256", "prime256v1", 32 },
	{ "P-384", "secp384r1", 48 },
	{ "P-521", "secp521r1", 66 },
};

static EVP_PKEY *
ec_key_of_point(const struct jws_curve *curve, struct span point)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (build != NULL &&
		OSSL_PARAM_BLD_push_utf8_string(build,
			OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
			point.data, point.len) == 1)
		key = key_of_params("EC", build);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static EVP_PKEY *
ec_key(const struct value *jwk)
{
	const char *crv = value_find_str(jwk, "crv", "");
	const struct jws_curve *curve = NULL;
	struct buf x, y, point;
	EVP_PKEY *key = NULL;
	bool good = member_bytes(jwk, "x", &x);

	good = member_bytes(jwk, "y", &y) && good;
	buf_init(&point, MEMBER_MAX);
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		if (strcmp(curves[i].crv, crv) == 0)
			curve = &curves[i];
	}
	if (good && curve != NULL && x.len == curve->len &&
		y.len == curve->len) {
		(void)buf_add_char(&point, 4); /* uncompressed */
		(void)buf_add_span(&point, buf_span(&x));
		if (buf_add_span(&point, buf_span(&y)) == 0)
			key = ec_key_of_point(curve, buf_span(&point));
	}
	buf_clear(&x);
	buf_clear(&y);
	buf_clear(&point);
	return key;
}

static EVP_PKEY *
okp_key(const struct value *jwk)
{
	EVP_PKEY *key = NULL;
	struct buf x;

	if (member_bytes(jwk, "x", &x) && x.len == ED25519_LEN &&
		strcmp(value_find_str(jwk, "crv", ""), "Ed25519") == 0)
		key = EVP_PKEY_new_raw_public_key_ex(
			NULL, "ED25519", NULL, x.data, x.len);
	buf_clear(&x);
	return key;
}

static const struct {
	const char *kty;
	EVP_PKEY *(*make)(const struct value *jwk);
} key_makers[] = {
	{ "RSA", rsa_key },
	{ "EC", ec_key },
	{ "OKP", okp_key },
};

/* For signatures, as far as it says what it is for. */
static bool
is_for_signatures(const struct value *jwk)
{
	const struct value *ops = value_find(jwk, "key_ops");
	bool verifies = ops == NULL;

	if (ops != NULL && ops->type == VALUE_LIST) {
		VALUE_EACH (op, ops)
			verifies = verifies ||
				span_equal(value_text(op), span_str("verify"));
	}
	return verifies &&
		strcmp(value_find_str(jwk, "use", "sig"), "sig") == 0;
}

static int
add_jwk(struct jwks *set, const struct value *jwk, struct err *err)
{
	const char *kty = value_find_str(jwk, "kty", "");
	const char *alg_name = value_find_str(jwk, "alg", NULL);
	const struct jws_alg *alg =
		alg_name != NULL ? jws_alg_find(alg_name) : NULL;
	EVP_PKEY *key = NULL;

	if (!is_for_signatures(jwk) || (alg_name != NULL && alg == NULL))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(key_makers); i++) {
		if (strcmp(key_makers[i].kty, kty) == 0)
			key = key_makers[i].make(jwk);
	}
	ERR_clear_error();
	if (key == NULL || !is_good_key(key)) {
		EVP_PKEY_free(key);
		return 0;
	}
	return add_key(set, key, value_find_str(jwk, "kid", NULL), alg, err);
}

int
jwks_add_json(struct jwks *set, struct span text, struct err *err)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct value *root = NULL;
	const struct value *keys = NULL;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = json_parse(text, &set_limits, arena, &root, err);
	if (rc == 0 && root->type == VALUE_OBJECT)
		keys = value_find(root, "keys");
	if (rc == 0 && (keys == NULL || keys->type != VALUE_LIST))
		rc = err_set(err, ERR_INPUT, 400, "no JSON Web Key Set");
	if (rc == 0) {
		VALUE_EACH (jwk, keys) {
			if (rc == 0 && jwk->type == VALUE_OBJECT)
				rc = add_jwk(set, jwk, err);
		}
	}
	arena_free(&arena);
	return rc;
}

/* ---- PEM -------------------------------------------------------------- */

static EVP_PKEY *
pem_public_key(const unsigned char *der, long len)
{
	return d2i_PUBKEY(NULL, &der, len);
}

static EVP_PKEY *
pem_rsa_key(const unsigned char *der, long len)
{
	return d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, len);
}

static EVP_PKEY *
pem_certificate(const unsigned char *der, long len)
{
	X509 *cert = d2i_X509(NULL, &der, len);
	EVP_PKEY *key = cert != NULL ? X509_get_pubkey(cert) : NULL;

	X509_free(cert);
	return key;
}

static const struct {
	const char *name;
	EVP_PKEY *(*read)(const unsigned char *der, long len);
} pem_readers[] = {
	{ "PUBLIC KEY", pem_public_key },
	{ "RSA PUBLIC KEY", pem_rsa_key },
	{ "CERTIFICATE", pem_certificate },
};

static int
add_block(struct jwks *set, const char *name, const unsigned char *der,
	long len, struct err *err)
{
	EVP_PKEY *key = NULL;

	for (size_t i = 0; i < ARRAY_LEN(pem_readers); i++) {
		if (strcmp(pem_readers[i].name, name) == 0)
			key = pem_readers[i].read(der, len);
	}
	if (key != NULL && is_good_key(key))
		return add_key(set, key, NULL, NULL, err);
	EVP_PKEY_free(key);
	return err_set(err, ERR_INPUT, 400,
		"a PEM block holds no public key of a type that can be used here");
}

int
jwks_add_pem(struct jwks *set, struct span text, struct err *err)
{
	BIO *bio = NULL;
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	const size_t before = set->n;
	bool is_over;
	long len = 0;
	int rc = 0;

	if (text.len > INT32_MAX)
		return err_set(err, ERR_LIMIT, 400, "PEM text is too long");
	bio = BIO_new_mem_buf(text.data, (int)text.len);
	if (bio == NULL)
		return err_set_memory(err);
	while (rc == 0 && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
		rc = add_block(set, name, der, len, err);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	is_over = pem_is_over();
	BIO_free(bio);
	ERR_clear_error();
	if (rc == 0 && !is_over)
		return err_set(err, ERR_INPUT, 400,
			"a PEM block is cut off, or is not base64");
	if (rc == 0 && set->n == before)
		rc = err_set(
			err, ERR_INPUT, 400, "no PEM text of a public key");
	return rc;
}
