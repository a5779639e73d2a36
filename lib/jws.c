/* From a token's text to a verdict on its signature. */
#include "lib/jws.h"

#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "lib/codec.h"
#include "lib/json.h"

#define EC_HALF_MAX 66            /* P-521 */
#define EC_DER_MAX 144            /* two such numbers and what is around */
#define HEADER_MAX ((size_t)8192) /* certificates may stand in it */

/* A header names few things; each is small. */
static const struct json_limits header_limits = {
	.depth = 4, .strings = 64, .keys = 64, .nodes = 128
};

static int
refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_INPUT, 400, "malformed jwt: %s", why);
}

/* Strict base64url of at most cap bytes, into arena. */
static int
decode_part(struct span text, size_t cap, struct arena *arena,
	struct span *ret_part, struct err *err)
{
	struct span copy = SPAN_NONE;
	struct buf out;
	int rc;

	buf_init(&out, cap);
	rc = base64url_decode(text, &out);
	if (rc == 0)
		copy = arena_dup(arena, buf_span(&out));
	buf_clear(&out);
	if (rc == ERR_MEMORY || (rc == 0 && copy.data == NULL))
		return err_set_memory(err);
	if (rc != 0)
		return refuse(err, "a part is not base64url");
	*ret_part = copy;
	return 0;
}

/* Three parts and no more. */
static bool
split(struct span token, struct span parts[3])
{
	for (size_t i = 0; i < 2; i++) {
		const uint8_t *dot = token.len > 0
			? memchr(token.data, '.', token.len)
			: NULL;
		size_t len;

		if (dot == NULL)
			return false;
		len = (size_t)(dot - token.data);
		parts[i] = span_of(token.data, len);
		token = span_skip(token, len + 1);
	}
	parts[2] = token;
	return token.len == 0 || memchr(token.data, '.', token.len) == NULL;
}

static int
take_header(const struct value *header, struct jws *jws, struct err *err)
{
	const struct value *kid = value_find(header, "kid");
	const char *alg = value_find_str(header, "alg", NULL);

	if (header->type != VALUE_OBJECT || alg == NULL)
		return refuse(err, "its header names no algorithm");
	if (value_find(header, "crit") != NULL ||
		value_find(header, "b64") != NULL)
		return refuse(err, "its header asks for an extension");
	if (kid != NULL && kid->type != VALUE_STRING)
		return refuse(err, "its key id is no text");
	jws->alg = jws_alg_find(alg);
	if (jws->alg == NULL)
		return refuse(err, "its algorithm is not supported");
	jws->kid = kid != NULL ? kid->str : NULL;
	return 0;
}

static int
read_header(
	struct span text, struct arena *arena, struct jws *jws, struct err *err)
{
	struct value *header = NULL;
	struct span json = SPAN_NONE;
	struct err why = { 0 };
	int rc = decode_part(text, HEADER_MAX, arena, &json, err);

	if (rc != 0)
		return rc;
	rc = json_parse(json, &header_limits, arena, &header, &why);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	return rc != 0 ? refuse(err, "its header is not strict JSON")
		       : take_header(header, jws, err);
}

int
jws_parse(struct span token, struct arena *arena, struct jws *ret_jws,
	struct err *err)
{
	struct span parts[3];
	struct jws jws = { 0 };
	int rc;

	if (token.len > JWS_MAX)
		return refuse(err, "it is too long");
	if (!split(token, parts))
		return refuse(err, "it has not three parts");
	rc = read_header(parts[0], arena, &jws, err);
	if (rc == 0)
		rc = decode_part(parts[1], JWS_MAX, arena, &jws.payload, err);
	if (rc == 0)
		rc = decode_part(parts[2], JWS_MAX, arena, &jws.signature, err);
	if (rc != 0)
		return rc;
	jws.signed_text = span_of(token.data, parts[0].len + 1 + parts[1].len);
	*ret_jws = jws;
	return 0;
}

/* r and s of equal length (RFC 7518 section 3.4) as OpenSSL's DER. */
static bool
ec_der(struct span signature, size_t half, uint8_t der[EC_DER_MAX],
	size_t *ret_len)
{
	ECDSA_SIG *sig = NULL;
	BIGNUM *r = NULL, *s = NULL;
	uint8_t *end = der;
	int len = 0;

	if (signature.len != 2 * half || half > EC_HALF_MAX)
		return false;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(signature.data, (int)half, NULL);
	s = BN_bin2bn(signature.data + half, (int)half, NULL);
	if (sig == NULL || r == NULL || s == NULL) {
		BN_free(r);
		BN_free(s);
	} else {
		(void)ECDSA_SIG_set0(sig, r, s); /* takes both */
		len = i2d_ECDSA_SIG(sig, NULL);
		if (len > 0 && len <= EC_DER_MAX)
			len = i2d_ECDSA_SIG(sig, &end);
		else
			len = 0;
	}
	ECDSA_SIG_free(sig);
	*ret_len = (size_t)len;
	return len > 0;
}

static bool
verify_bytes(const struct jws *jws, EVP_PKEY *key, struct span signature)
{
	const struct jws_alg *alg = jws->alg;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx = NULL;
	bool good = ctx != NULL &&
		EVP_DigestVerifyInit_ex(
			ctx, &key_ctx, alg->digest, NULL, NULL, key, NULL) == 1;

	/* Salt as long as the digest: RFC 7518 section 3.5. */
	if (good && alg->is_pss)
		good = EVP_PKEY_CTX_set_rsa_padding(
			       key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
			EVP_PKEY_CTX_set_rsa_pss_saltlen(
				key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	good = good &&
		EVP_DigestVerify(ctx, signature.data, signature.len,
			jws->signed_text.data, jws->signed_text.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

static bool
verify_with(const struct jws *jws, EVP_PKEY *key)
{
	uint8_t der[EC_DER_MAX];
	struct span signature = jws->signature;
	size_t len = 0;

	if (jws->alg->half != 0) {
		if (!ec_der(signature, jws->alg->half, der, &len))
			return false;
		signature = span_of(der, len);
	}
	return verify_bytes(jws, key, signature);
}

/* A token that names a key is not checked with one of another name. */
static bool
is_candidate(const struct jws *jws, const struct jwk *jwk)
{
	if (jws->kid != NULL && jwk->kid != NULL &&
		strcmp(jws->kid, jwk->kid) != 0)
		return false;
	return jwk_fits(jwk, jws->alg);
}

int
jws_verify(const struct jws *jws, const struct jwks *keys)
{
	int rc = ERR_ABSENT;

	for (size_t i = 0; i < jwks_count(keys); i++) {
		const struct jwk *jwk = jwks_at(keys, i);

		if (!is_candidate(jws, jwk))
			continue;
		if (verify_with(jws, jwk->key))
			return 0;
		rc = ERR_CRYPTO;
	}
	return rc;
}
