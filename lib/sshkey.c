/*
 * Reading keys, and checking signatures: Ed25519 with libsodium, the rest with
 * OpenSSL.
 */
#include "lib/sshkey.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include "lib/codec.h"
#include "lib/sha256.h"
#include "lib/sshkey_own.h"
#include "lib/sshkey_ready.h"

#define ED25519_SIGNATURE 64
#define SIGNED_MAX (1024 * (size_t)1024)

#define SSH_COM "@openssh.com"

static const struct sshkey_kind kinds[] = {
	{
		.name = "ssh-ed25519",
		.cert_name = "ssh-ed25519-cert-v01" SSH_COM,
		.family = FAMILY_ED25519,
		.algorithm = "ssh-ed25519",
	},
	{
		.name = "ecdsa-sha2-nistp256",
		.cert_name = "ecdsa-sha2-nistp256-cert-v01" SSH_COM,
		.family = FAMILY_ECDSA,
		.curve = "nistp256",
		.group = "P-256",
		.point_len = 65,
		.digest = "SHA256",
		.algorithm = "ecdsa-sha2-nistp256",
	},
	{
		.name = "ecdsa-sha2-nistp384",
		.cert_name = "ecdsa-sha2-nistp384-cert-v01" SSH_COM,
		.family = FAMILY_ECDSA,
		.curve = "nistp384",
		.group = "P-384",
		.point_len = 97,
		.digest = "SHA384",
		.algorithm = "ecdsa-sha2-nistp384",
	},
	{
		.name = "ecdsa-sha2-nistp521",
		.cert_name = "ecdsa-sha2-nistp521-cert-v01" SSH_COM,
		.family = FAMILY_ECDSA,
		.curve = "nistp521",
		.group = "P-521",
		.point_len = 133,
		.digest = "SHA512",
		.algorithm = "ecdsa-sha2-nistp521",
	},
	{
		.name = "ssh-rsa",
		.cert_name = "ssh-rsa-cert-v01" SSH_COM,
		.family = FAMILY_RSA,
	},
	{
		.name = "sk-ssh-ed25519" SSH_COM,
		.cert_name = "sk-ssh-ed25519-cert-v01" SSH_COM,
		.family = FAMILY_ED25519,
		.is_sk = true,
		.algorithm = "sk-ssh-ed25519" SSH_COM,
	},
	{
		.name = "sk-ecdsa-sha2-nistp256" SSH_COM,
		.cert_name = "sk-ecdsa-sha2-nistp256-cert-v01" SSH_COM,
		.family = FAMILY_ECDSA,
		.is_sk = true,
		.curve = "nistp256",
		.group = "P-256",
		.point_len = 65,
		.digest = "SHA256",
		.algorithm = "sk-ecdsa-sha2-nistp256" SSH_COM,
	},
};

static const struct {
	const char *algorithm, *digest;
} rsa_algorithms[] = {
	{ "rsa-sha2-256", "SHA256" },
	{ "rsa-sha2-512", "SHA512" },
};

static bool
is(struct span text, const char *word)
{
	return span_equal(text, span_str(word));
}

/* ---- keys ------------------------------------------------------------- */

const struct sshkey_kind *
sshkey_kind(struct span name, bool *ret_is_cert)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		*ret_is_cert = is(name, kinds[i].cert_name);
		if (*ret_is_cert || is(name, kinds[i].name))
			return &kinds[i];
	}
	return NULL;
}

const char *
sshkey_kind_name(const struct sshkey_kind *kind)
{
	return kind->name;
}

const char *
sshkey_kind_cert_name(const struct sshkey_kind *kind)
{
	return kind->cert_name;
}

/* Bits of a magnitude without leading zeros. */
static size_t
bits_of(struct span number)
{
	size_t bits = 8 * number.len;

	for (uint8_t top = 0x80; number.len > 0 && top != 0;
		top >>= 1, bits--) {
		if ((number.data[0] & top) != 0)
			return bits;
	}
	return 0;
}

/* An odd exponent from 3 on, an odd modulus of a size that we take. */
static bool
is_sane_rsa(const struct sshkey *key)
{
	struct span e = key->bytes[0], n = key->bytes[1];

	return e.len > 0 && e.len <= 4 && (e.data[e.len - 1] & 1) == 1 &&
		bits_of(e) >= 2 && n.len > 0 && (n.data[n.len - 1] & 1) == 1 &&
		bits_of(n) >= SSHKEY_RSA_BITS_MIN &&
		bits_of(n) <= SSHKEY_RSA_BITS_MAX;
}

int
sshkey_parse_parts(const struct sshkey_kind *kind, struct sshwire *in,
	struct sshkey *ret_key)
{
	struct sshkey key = { .kind = kind };
	bool ok = true;

	switch (kind->family) {
	case FAMILY_ED25519:
		key.bytes[0] = sshwire_string(in);
		ok = key.bytes[0].len == SSHKEY_ED25519_PUBLIC;
		break;
	case FAMILY_ECDSA:
		ok = is(sshwire_string(in), kind->curve);
		key.bytes[0] = sshwire_string(in);
		ok = ok && key.bytes[0].len == kind->point_len &&
			key.bytes[0].data[0] == 4;
		break;
	case FAMILY_RSA:
		key.bytes[0] = sshwire_mpint(in);
		key.bytes[1] = sshwire_mpint(in);
		ok = is_sane_rsa(&key);
		break;
	}
	if (kind->is_sk)
		key.application = sshwire_string(in);
	if (in->bad || !ok)
		return ERR_INPUT;
	*ret_key = key;
	return 0;
}

int
sshkey_parse(struct span blob, struct sshkey *ret_key)
{
	struct sshwire in = sshwire_of(blob);
	const struct sshkey_kind *kind = NULL;
	struct sshkey key;
	bool is_cert = false;

	if (blob.len > SSHKEY_BLOB_MAX)
		return ERR_INPUT;
	kind = sshkey_kind(sshwire_string(&in), &is_cert);
	if (kind == NULL || is_cert ||
		sshkey_parse_parts(kind, &in, &key) != 0 || !sshwire_end(&in))
		return ERR_INPUT;
	*ret_key = key;
	return 0;
}

int
sshkey_build(const struct sshkey *key, struct buf *out)
{
	(void)sshwire_add_string(out, span_str(key->kind->name));
	switch (key->kind->family) {
	case FAMILY_ED25519:
		(void)sshwire_add_string(out, key->bytes[0]);
		break;
	case FAMILY_ECDSA:
		(void)sshwire_add_string(out, span_str(key->kind->curve));
		(void)sshwire_add_string(out, key->bytes[0]);
		break;
	case FAMILY_RSA:
		(void)sshwire_add_mpint(out, key->bytes[0]);
		(void)sshwire_add_mpint(out, key->bytes[1]);
		break;
	}
	if (key->kind->is_sk)
		(void)sshwire_add_string(out, key->application);
	return out->rc;
}

/* A trailing newline may stand there, another line may not. */
static bool
is_one_line(struct span *line)
{
	while (line->len > 0 &&
		(line->data[line->len - 1] == '\n' ||
			line->data[line->len - 1] == '\r'))
		line->len--;
	for (size_t i = 0; i < line->len; i++) {
		if (line->data[i] < ' ' && line->data[i] != '\t')
			return false;
	}
	return line->len > 0 && line->len <= SSHKEY_LINE_MAX;
}

int
sshkey_parse_line(struct span line, struct arena *arena, struct span *ret_blob)
{
	struct span name, text, copy;
	struct sshwire in;
	struct buf blob;
	int rc;

	if (!is_one_line(&line))
		return ERR_INPUT;
	name = span_take_word(&line);
	text = span_take_word(&line);
	buf_init(&blob, SSHKEY_BLOB_MAX);
	rc = text.len == 0 ? ERR_INPUT : base64_decode(text, &blob);
	if (rc == ERR_LIMIT)
		rc = ERR_INPUT;
	if (rc == 0) {
		in = sshwire_of(buf_span(&blob));
		if (!span_equal(sshwire_string(&in), name) || name.len == 0)
			rc = ERR_INPUT;
	}
	if (rc == 0) {
		copy = arena_dup(arena, buf_span(&blob));
		if (copy.data == NULL)
			rc = ERR_MEMORY;
		else
			*ret_blob = copy;
	}
	buf_clear(&blob);
	return rc;
}

const char *
sshkey_line(struct arena *arena, struct span blob)
{
	struct sshwire in = sshwire_of(blob);
	struct span name = sshwire_string(&in);
	const char *line = NULL;
	struct buf text;

	buf_init(&text, 2 * blob.len + SSHKEY_LINE_MAX);
	(void)buf_add_span(&text, name);
	(void)buf_add_char(&text, ' ');
	(void)base64_encode(blob, &text);
	if (text.rc == 0)
		line = arena_strdup(arena, buf_str(&text));
	buf_clear(&text);
	return line;
}

void
sshkey_fingerprint(struct span blob, char out[SSHKEY_FINGERPRINT_MAX])
{
	static const char prefix[] = "SHA256:";
	uint8_t hash[SHA256_BYTES];

	sha256(blob, hash);
	memcpy(out, prefix, sizeof(prefix));
	(void)sodium_bin2base64(out + sizeof(prefix) - 1,
		SSHKEY_FINGERPRINT_MAX - (sizeof(prefix) - 1), hash,
		sizeof(hash), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

/* ---- signatures ------------------------------------------------------- */

EVP_PKEY *
sshkey_openssl(const char *type, int selection, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
		EVP_PKEY_fromdata(ctx, &key, selection, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
ecdsa_key(const struct sshkey *key)
{
	/* OpenSSL takes what it only reads as if it were to write. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
			(char *)(uintptr_t)key->kind->group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
			(void *)(uintptr_t)key->bytes[0].data,
			key->bytes[0].len),
		OSSL_PARAM_construct_end(),
	};

	return sshkey_openssl("EC", EVP_PKEY_PUBLIC_KEY, params);
}

static EVP_PKEY *
rsa_key(const struct sshkey *key)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *e = BN_bin2bn(key->bytes[0].data, (int)key->bytes[0].len, NULL);
	BIGNUM *n = BN_bin2bn(key->bytes[1].data, (int)key->bytes[1].len, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *made = NULL;

	if (build != NULL && e != NULL && n != NULL &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	if (params != NULL)
		made = sshkey_openssl("RSA", EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	BN_free(e);
	BN_free(n);
	OSSL_PARAM_BLD_free(build);
	return made;
}

/* As OpenSSL has it, made or still there; the caller frees it. */
static EVP_PKEY *
openssl_key(const struct sshkey *key)
{
	EVP_PKEY *found = NULL;
	struct buf blob;

	buf_init(&blob, SSHKEY_BLOB_MAX);
	if (sshkey_build(key, &blob) == 0)
		found = sshkey_ready_find(buf_span(&blob));
	if (found == NULL && blob.rc == 0) {
		found = key->kind->family == FAMILY_RSA ? rsa_key(key)
							: ecdsa_key(key);
		if (found != NULL)
			sshkey_ready_keep(buf_span(&blob), found);
	}
	buf_clear(&blob);
	return found;
}

/* One digest and one signature; RSA's padding is PKCS #1 by default. */
static bool
openssl_verify(EVP_PKEY *key, const char *digest, struct span signature,
	struct span data)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = key != NULL && ctx != NULL &&
		EVP_DigestVerifyInit_ex(
			ctx, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestVerify(ctx, signature.data, signature.len, data.data,
			data.len) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

static bool
verify_ed25519(
	const struct sshkey *key, struct span signature, struct span data)
{
	return signature.len == ED25519_SIGNATURE &&
		crypto_sign_verify_detached(signature.data, data.data, data.len,
			key->bytes[0].data) == 0;
}

/* "mpint r, mpint s" as the DER that OpenSSL wants. */
static int
ecdsa_to_der(struct span signature, unsigned char **ret_der)
{
	struct sshwire in = sshwire_of(signature);
	struct span r = sshwire_mpint(&in), s = sshwire_mpint(&in);
	ECDSA_SIG *sig = NULL;
	BIGNUM *bn_r = NULL, *bn_s = NULL;
	int len = 0;

	if (!sshwire_end(&in) || r.len > 66 || s.len > 66)
		return 0;
	sig = ECDSA_SIG_new();
	bn_r = BN_bin2bn(r.data, (int)r.len, NULL);
	bn_s = BN_bin2bn(s.data, (int)s.len, NULL);
	if (sig != NULL && bn_r != NULL && bn_s != NULL &&
		ECDSA_SIG_set0(sig, bn_r, bn_s) == 1) {
		bn_r = bn_s = NULL;
		len = i2d_ECDSA_SIG(sig, ret_der);
	}
	BN_free(bn_r);
	BN_free(bn_s);
	ECDSA_SIG_free(sig);
	return len;
}

static bool
verify_ecdsa(const struct sshkey *key, struct span signature, struct span data)
{
	unsigned char *der = NULL;
	int len = ecdsa_to_der(signature, &der);
	EVP_PKEY *made = NULL;
	bool good;

	if (len > 0)
		made = openssl_key(key);
	good = made != NULL &&
		openssl_verify(made, key->kind->digest,
			span_of(der, (size_t)len), data);
	EVP_PKEY_free(made);
	OPENSSL_free(der);
	return good;
}

static bool
verify_rsa(const struct sshkey *key, const char *digest, struct span signature,
	struct span data)
{
	const size_t len = key->bytes[1].len;
	uint8_t padded[SSHKEY_RSA_BYTES_MAX] = { 0 };
	EVP_PKEY *made = NULL;
	bool good;

	/* Some signers leave leading zeros out. */
	if (signature.len == 0 || signature.len > len)
		return false;
	memcpy(padded + len - signature.len, signature.data, signature.len);
	made = openssl_key(key);
	good = made != NULL &&
		openssl_verify(made, digest, span_of(padded, len), data);
	EVP_PKEY_free(made);
	return good;
}

static bool
verify_plain(const struct sshkey *key, struct span algorithm,
	struct span signature, struct span data)
{
	if (key->kind->family == FAMILY_RSA) {
		for (size_t i = 0; i < ARRAY_LEN(rsa_algorithms); i++) {
			if (is(algorithm, rsa_algorithms[i].algorithm))
				return verify_rsa(key, rsa_algorithms[i].digest,
					signature, data);
		}
		return false;
	}
	if (!is(algorithm, key->kind->algorithm))
		return false;
	return key->kind->family == FAMILY_ECDSA
		? verify_ecdsa(key, signature, data)
		: verify_ed25519(key, signature, data);
}

/* What a security token signs in place of data (PROTOCOL.u2f). */
struct sk_signed {
	uint8_t bytes[2 * SHA256_BYTES + 5];
};

static struct sk_signed
sk_data(const struct sshkey *key, uint8_t flags, uint32_t counter,
	struct span data)
{
	struct sk_signed made = { .bytes = { 0 } };
	uint8_t *at = made.bytes;

	sha256(key->application, at);
	at += SHA256_BYTES;
	*at++ = flags;
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(counter >> shift);
	sha256(data, at);
	return made;
}

int
sshkey_verify(const struct sshkey *key, struct span signature, struct span data,
	uint8_t *ret_flags)
{
	struct sshwire in = sshwire_of(signature);
	struct span algorithm = sshwire_string(&in);
	struct span inner = sshwire_string(&in);
	struct sk_signed made = { .bytes = { 0 } };
	uint8_t flags = 0;

	if (data.len > SIGNED_MAX)
		return ERR_CRYPTO;
	if (key->kind->is_sk) {
		flags = sshwire_u8(&in);
		made = sk_data(key, flags, sshwire_u32(&in), data);
		data = span_of(made.bytes, sizeof(made.bytes));
		if ((flags & SSHKEY_SK_PRESENT) == 0)
			return ERR_CRYPTO;
	}
	if (!sshwire_end(&in) || !verify_plain(key, algorithm, inner, data))
		return ERR_CRYPTO;
	*ret_flags = flags;
	return 0;
}

int
sshkey_verify_sha1(
	const struct sshkey *key, struct span signature, struct span data)
{
	struct sshwire in = sshwire_of(signature);
	struct span algorithm = sshwire_string(&in);
	struct span inner = sshwire_string(&in);

	if (!sshwire_end(&in) || key->kind->family != FAMILY_RSA ||
		!is(algorithm, "ssh-rsa") || data.len > SIGNED_MAX ||
		!verify_rsa(key, "SHA1", inner, data))
		return ERR_CRYPTO;
	return 0;
}
