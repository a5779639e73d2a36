/* Key pairs: made, kept and signed with. */
#include "lib/sshkeypair.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "lib/sshkey_own.h"

#define GENERATE_RSA_DEFAULT 4096
#define GENERATE_RSA_MAX 8192 /* larger ones take minutes */
#define GENERATE_EC_DEFAULT 256
#define POINT_MAX 133
#define SIGNATURE_MAX SSHKEY_RSA_BYTES_MAX

/* The first one is what an RSA key signs with unless asked otherwise. */
static const struct {
	const char *algorithm, *digest;
} rsa_schemes[SSHKEYPAIR_SCHEMES_MAX] = {
	{ "rsa-sha2-256", "SHA256" },
	{ "rsa-sha2-512", "SHA512" },
	{ "ssh-rsa", "SHA1" },
};

/* As the API, the blob and OpenSSL name them. */
static const struct curve {
	const char *kind, *group;
	unsigned bits;
} curves[] = {
	{ "ecdsa-sha2-nistp256", "P-256", 256 },
	{ "ecdsa-sha2-nistp384", "P-384", 384 },
	{ "ecdsa-sha2-nistp521", "P-521", 521 },
};

/* ---- the object ------------------------------------------------------- */

static struct sshkeypair *
pair_new(void)
{
	struct sshkeypair *pair = calloc(1, sizeof(*pair));

	if (pair != NULL)
		buf_init(&pair->blob, SSHKEY_BLOB_MAX);
	return pair;
}

void
sshkeypair_free(struct sshkeypair **pair)
{
	struct sshkeypair *old = *pair;

	*pair = NULL;
	if (old == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(old->schemes); i++)
		EVP_MD_CTX_free(old->schemes[i].ready);
	EVP_PKEY_free(old->key);
	secret_free(&old->ed25519);
	buf_clear(&old->blob);
	free(old);
}

struct span
sshkeypair_public(const struct sshkeypair *pair)
{
	return buf_span(&pair->blob);
}

static const struct sshkey_kind *
kind_named(const char *name)
{
	bool is_cert;

	return sshkey_kind(span_str(name), &is_cert);
}

/* Write the blob of a public key, and keep what it says. */
static int
set_public(struct sshkeypair *pair, const struct sshkey *key, struct err *err)
{
	if (sshkey_build(key, &pair->blob) != 0)
		return buf_check(&pair->blob, err);
	if (sshkey_parse(buf_span(&pair->blob), &pair->public) != 0)
		return err_set(err, ERR_INPUT, 400,
			"private key has a public half that cannot be used");
	return 0;
}

int
sshkeypair_of_seed(
	struct secret_view seed, struct sshkeypair **ret_pair, struct err *err)
{
	uint8_t public[SSHKEY_ED25519_PUBLIC];
	struct sshkey key = { .kind = kind_named("ssh-ed25519") };
	struct sshkeypair *pair = pair_new();
	int rc = 0;

	if (pair != NULL)
		pair->ed25519 = secret_new(SSHKEY_ED25519_SECRET);
	if (pair == NULL || pair->ed25519 == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	(void)crypto_sign_seed_keypair(
		public, secret_bytes(pair->ed25519), seed.data);
	key.bytes[0] = span_of(public, sizeof(public));
	rc = set_public(pair, &key, err);
	pair->schemes[0].algorithm = key.kind->algorithm;
out:
	if (rc == 0)
		*ret_pair = pair;
	else
		sshkeypair_free(&pair);
	return rc;
}

/* A number of the key in a fixed count of bytes; len 0: as many as it has. */
static bool
number_bytes(EVP_PKEY *key, const char *name, size_t len,
	uint8_t out[SSHKEY_RSA_BYTES_MAX], struct span *ret_bytes)
{
	BIGNUM *number = NULL;
	bool good = EVP_PKEY_get_bn_param(key, name, &number) == 1;

	if (good && len == 0)
		len = (size_t)BN_num_bytes(number);
	good = good && len <= SSHKEY_RSA_BYTES_MAX &&
		BN_bn2binpad(number, out, (int)len) == (int)len;
	BN_free(number);
	if (good)
		*ret_bytes = span_of(out, len);
	return good;
}

static int
set_public_rsa(struct sshkeypair *pair, struct err *err)
{
	struct sshkey key = { .kind = kind_named("ssh-rsa") };
	uint8_t e[SSHKEY_RSA_BYTES_MAX], n[SSHKEY_RSA_BYTES_MAX];
	const int bits = EVP_PKEY_get_bits(pair->key);

	if (bits < SSHKEY_RSA_BITS_MIN)
		return err_set(err, ERR_INPUT, 400,
			"RSA key of %d bits is too small: at least %d", bits,
			SSHKEY_RSA_BITS_MIN);
	if (bits > SSHKEY_RSA_BITS_MAX)
		return err_set(err, ERR_INPUT, 400,
			"RSA key of %d bits is too large: at most %d", bits,
			SSHKEY_RSA_BITS_MAX);
	if (!number_bytes(
		    pair->key, OSSL_PKEY_PARAM_RSA_E, 0, e, &key.bytes[0]) ||
		!number_bytes(
			pair->key, OSSL_PKEY_PARAM_RSA_N, 0, n, &key.bytes[1]))
		return err_set(err, ERR_INPUT, 400, "private key is damaged");
	return set_public(pair, &key, err);
}

/* NULL: none of ours. */
static const struct curve *
curve_of(EVP_PKEY *key)
{
	char name[64] = "";
	int nid;

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
		return NULL;
	nid = OBJ_sn2nid(name);
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		if (nid != NID_undef &&
			EC_curve_nist2nid(curves[i].group) == nid)
			return &curves[i];
	}
	return NULL;
}

/* The point without compression, whatever form the file held. */
static int
set_public_ecdsa(struct sshkeypair *pair, struct err *err)
{
	const struct curve *curve = curve_of(pair->key);
	struct sshkey key = { .kind = NULL };
	uint8_t x[SSHKEY_RSA_BYTES_MAX], y[SSHKEY_RSA_BYTES_MAX];
	uint8_t point[POINT_MAX] = { 4 };
	struct span x_bytes, y_bytes;
	size_t len;

	if (curve == NULL)
		return err_set(err, ERR_INPUT, 400,
			"EC key is on another curve than P-256, P-384 and P-521");
	key.kind = kind_named(curve->kind);
	len = key.kind->point_len / 2;
	if (!number_bytes(
		    pair->key, OSSL_PKEY_PARAM_EC_PUB_X, len, x, &x_bytes) ||
		!number_bytes(
			pair->key, OSSL_PKEY_PARAM_EC_PUB_Y, len, y, &y_bytes))
		return err_set(err, ERR_INPUT, 400, "private key is damaged");
	memcpy(point + 1, x, len);
	memcpy(point + 1 + len, y, len);
	key.bytes[0] = span_of(point, key.kind->point_len);
	return set_public(pair, &key, err);
}

/* Signing fetches nothing by name then; NULL: no memory. */
static EVP_MD_CTX *
context_of(EVP_PKEY *key, const char *digest)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx != NULL &&
		EVP_DigestSignInit_ex(
			ctx, NULL, digest, NULL, NULL, key, NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static int
make_ready(struct sshkeypair *pair, struct err *err)
{
	const struct sshkey_kind *kind = pair->public.kind;
	struct sshkeypair_scheme *scheme = pair->schemes;

	if (kind->family == FAMILY_ECDSA) {
		scheme->algorithm = kind->algorithm;
		scheme->ready = context_of(pair->key, kind->digest);
		return scheme->ready != NULL ? 0 : err_set_memory(err);
	}
	for (size_t i = 0; i < ARRAY_LEN(rsa_schemes); i++, scheme++) {
		scheme->algorithm = rsa_schemes[i].algorithm;
		scheme->ready = context_of(pair->key, rsa_schemes[i].digest);
		if (scheme->ready == NULL)
			return err_set_memory(err);
	}
	return 0;
}

int
sshkeypair_take_openssl(
	EVP_PKEY *key, struct sshkeypair **ret_pair, struct err *err)
{
	struct sshkeypair *pair = pair_new();
	int rc;

	if (pair == NULL) {
		EVP_PKEY_free(key);
		return err_set_memory(err);
	}
	pair->key = key;
	rc = EVP_PKEY_is_a(key, "RSA") == 1 ? set_public_rsa(pair, err)
					    : set_public_ecdsa(pair, err);
	if (rc == 0)
		rc = make_ready(pair, err);
	if (rc == 0)
		*ret_pair = pair;
	else
		sshkeypair_free(&pair);
	return rc;
}

/* ---- new ones --------------------------------------------------------- */

static int
take_made(EVP_PKEY *key, struct sshkeypair **ret_pair, struct err *err)
{
	if (key == NULL) {
		ERR_clear_error();
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	}
	return sshkeypair_take_openssl(key, ret_pair, err);
}

static int
generate_rsa(const char *type, unsigned bits, struct sshkeypair **ret_pair,
	struct err *err)
{
	if (bits == 0)
		bits = GENERATE_RSA_DEFAULT;
	if (bits < SSHKEY_RSA_BITS_MIN)
		return err_set(err, ERR_INPUT, 400,
			"refusing to generate weak %s key: %u bits < %d bits",
			type, bits, SSHKEY_RSA_BITS_MIN);
	if (bits > GENERATE_RSA_MAX)
		return err_set(err, ERR_INPUT, 400,
			"refusing to generate large %s key: %u bits > %d bits",
			type, bits, GENERATE_RSA_MAX);
	return take_made(EVP_RSA_gen(bits), ret_pair, err);
}

/* A curve's own name says its size; another one beside it is a mistake. */
static int
generate_ec(const char *type, unsigned bits, struct sshkeypair **ret_pair,
	struct err *err)
{
	const bool is_any = strcmp(type, "ec") == 0;

	if (is_any && bits == 0)
		bits = GENERATE_EC_DEFAULT;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		const struct curve *curve = &curves[i];

		if (is_any ? bits == curve->bits
			   : strcmp(type, curve->kind) == 0 &&
					(bits == 0 || bits == curve->bits))
			return take_made(
				EVP_EC_gen(curve->group), ret_pair, err);
	}
	return err_set(err, ERR_INPUT, 400,
		"unknown ECDSA key pair algorithm and bits: %s / %u", type,
		bits);
}

/* There is but one size: what bits says does not matter, as with the peers. */
static int
generate_ed25519(const char *type, unsigned bits, struct sshkeypair **ret_pair,
	struct err *err)
{
	struct secret *seed = secret_new(crypto_sign_SEEDBYTES);
	int rc;

	(void)type;
	(void)bits;
	if (seed == NULL)
		return err_set_memory(err);
	randombytes_buf(secret_bytes(seed), crypto_sign_SEEDBYTES);
	rc = sshkeypair_of_seed(secret_open(seed), ret_pair, err);
	secret_free(&seed);
	return rc;
}

static const struct {
	const char *type;
	int (*generate)(const char *type, unsigned bits,
		struct sshkeypair **ret_pair, struct err *err);
} generators[] = {
	{ "rsa", generate_rsa },
	{ "ssh-rsa", generate_rsa },
	{ "ec", generate_ec },
	{ "ecdsa-sha2-nistp256", generate_ec },
	{ "ecdsa-sha2-nistp384", generate_ec },
	{ "ecdsa-sha2-nistp521", generate_ec },
	{ "ed25519", generate_ed25519 },
	{ "ssh-ed25519", generate_ed25519 },
};

int
sshkeypair_generate(const char *type, unsigned bits,
	struct sshkeypair **ret_pair, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(generators); i++) {
		if (strcmp(type, generators[i].type) == 0)
			return generators[i].generate(
				type, bits, ret_pair, err);
	}
	return err_set(err, ERR_INPUT, 400,
		"unknown ssh key pair algorithm: %s", type);
}

/* ---- signatures ------------------------------------------------------- */

static int
add_signature(struct buf *out, const char *algorithm, struct span bytes,
	struct err *err)
{
	(void)sshwire_add_string(out, span_str(algorithm));
	(void)sshwire_add_string(out, bytes);
	return buf_check(out, err);
}

static int
sign_ed25519(const struct sshkeypair *pair,
	const struct sshkeypair_scheme *scheme, struct span data,
	struct buf *out, struct err *err)
{
	uint8_t bytes[crypto_sign_BYTES];

	(void)crypto_sign_detached(bytes, NULL, data.data, data.len,
		secret_open(pair->ed25519).data);
	return add_signature(
		out, scheme->algorithm, span_of(bytes, sizeof(bytes)), err);
}

static int
openssl_sign(const EVP_MD_CTX *ready, struct span data,
	uint8_t out[SIGNATURE_MAX], size_t *ret_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIGNATURE_MAX;
	bool good = ctx != NULL && EVP_MD_CTX_copy_ex(ctx, ready) == 1;

	if (good) {
		/* It signs once: the end need not copy it again. */
		EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE);
		good = EVP_DigestSign(ctx, out, &len, data.data, data.len) == 1;
	}
	EVP_MD_CTX_free(ctx);
	if (!good) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	*ret_len = len;
	return 0;
}

static void
add_bignum(struct buf *out, const BIGNUM *number)
{
	uint8_t bytes[POINT_MAX];
	const int len = BN_bn2bin(number, bytes);

	(void)sshwire_add_mpint(out, span_of(bytes, (size_t)len));
}

/* OpenSSL's DER as "mpint r, mpint s". */
static int
add_ecdsa(struct buf *out, const char *algorithm, struct span der,
	struct err *err)
{
	const unsigned char *at = der.data;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
	struct buf inner;
	int rc;

	if (sig == NULL)
		return err_set_memory(err);
	buf_init(&inner, SIGNATURE_MAX);
	add_bignum(&inner, ECDSA_SIG_get0_r(sig));
	add_bignum(&inner, ECDSA_SIG_get0_s(sig));
	rc = buf_check(&inner, err);
	if (rc == 0)
		rc = add_signature(out, algorithm, buf_span(&inner), err);
	buf_clear(&inner);
	ECDSA_SIG_free(sig);
	return rc;
}

static int
sign_openssl(const struct sshkeypair *pair,
	const struct sshkeypair_scheme *scheme, struct span data,
	struct buf *out, struct err *err)
{
	uint8_t bytes[SIGNATURE_MAX];
	size_t len = 0;

	if (openssl_sign(scheme->ready, data, bytes, &len) != 0)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	if (pair->public.kind->family == FAMILY_ECDSA)
		return add_ecdsa(
			out, scheme->algorithm, span_of(bytes, len), err);
	return add_signature(out, scheme->algorithm, span_of(bytes, len), err);
}

static bool
signs_by(const struct sshkey_kind *kind, const char *algorithm)
{
	if (kind->family != FAMILY_RSA)
		return strcmp(kind->algorithm, algorithm) == 0;
	for (size_t i = 0; i < ARRAY_LEN(rsa_schemes); i++) {
		if (strcmp(rsa_schemes[i].algorithm, algorithm) == 0)
			return true;
	}
	return false;
}

int
sshkeypair_check_algorithm(const struct sshkey_kind *kind,
	const char *algorithm, bool allow_sha1, struct err *err)
{
	if (algorithm == NULL || algorithm[0] == '\0')
		return 0;
	if (!signs_by(kind, algorithm))
		return err_set(err, ERR_INPUT, 400,
			"ssh: unsupported signature algorithm \"%s\" for key format \"%s\"",
			algorithm, kind->name);
	if (strcmp(algorithm, "ssh-rsa") == 0 && !allow_sha1)
		return err_set(err, ERR_INPUT, 400,
			"signature algorithm \"ssh-rsa\" uses SHA-1, which allow_sha1_signatures does not permit");
	return 0;
}

/* Of an algorithm that the key signs by. */
static const struct sshkeypair_scheme *
find_scheme(const struct sshkeypair *pair, const char *algorithm)
{
	size_t i = ARRAY_LEN(pair->schemes) - 1;

	if (algorithm == NULL || algorithm[0] == '\0')
		return &pair->schemes[0];
	while (i > 0 &&
		(pair->schemes[i].algorithm == NULL ||
			strcmp(pair->schemes[i].algorithm, algorithm) != 0))
		i--;
	return &pair->schemes[i];
}

int
sshkeypair_sign(const struct sshkeypair *pair, const char *algorithm,
	bool allow_sha1, struct span data, struct buf *out, struct err *err)
{
	const struct sshkeypair_scheme *scheme = find_scheme(pair, algorithm);
	int rc = sshkeypair_check_algorithm(
		pair->public.kind, algorithm, allow_sha1, err);

	if (rc != 0)
		return rc;
	return scheme->ready == NULL
		? sign_ed25519(pair, scheme, data, out, err)
		: sign_openssl(pair, scheme, data, out, err);
}
