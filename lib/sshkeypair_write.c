/* Private keys as text: OpenSSH's form, and the ones before it. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/encoder.h>

#include "lib/codec.h"
#include "lib/random.h"
#include "lib/sshkey_own.h"

#define LINE_OPENSSH 70
#define LINE_PEM 64
#define BLOCK 8

/* ---- armour ----------------------------------------------------------- */

static void
add_mark(struct buf *out, const char *word, const char *label)
{
	(void)buf_addf(out, "-----%s %s-----\n", word, label);
}

static int
add_armour(struct buf *out, const char *label, size_t line_len,
	struct span bytes, struct err *err)
{
	struct span rest;
	struct buf text;
	int rc;

	buf_init(&text, 2 * SSHKEYPAIR_TEXT_MAX);
	(void)base64_encode(bytes, &text);
	rc = buf_check(&text, err);
	add_mark(out, "BEGIN", label);
	for (rest = buf_span(&text); rest.len > 0;
		rest = span_skip(rest, line_len)) {
		(void)buf_add(out, rest.data,
			rest.len < line_len ? rest.len : line_len);
		(void)buf_add_char(out, '\n');
	}
	add_mark(out, "END", label);
	buf_clear(&text);
	return rc != 0 ? rc : buf_check(out, err);
}

/* ---- OpenSSH's form --------------------------------------------------- */

/* A number of the key as an mpint; a missing one marks the buffer failed. */
static void
add_number(struct buf *out, EVP_PKEY *key, const char *name)
{
	uint8_t bytes[SSHKEY_RSA_BYTES_MAX];
	BIGNUM *number = NULL;

	if (EVP_PKEY_get_bn_param(key, name, &number) != 1 ||
		BN_num_bytes(number) > SSHKEY_RSA_BYTES_MAX)
		out->rc = ERR_CRYPTO;
	else
		(void)sshwire_add_mpint(
			out, span_of(bytes, (size_t)BN_bn2bin(number, bytes)));
	BN_clear_free(number);
	secret_wipe(bytes, sizeof(bytes));
}

static void
add_rsa(struct buf *out, const struct sshkeypair *pair)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N,
		OSSL_PKEY_PARAM_RSA_E,
		OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
		OSSL_PKEY_PARAM_RSA_FACTOR1,
		OSSL_PKEY_PARAM_RSA_FACTOR2,
	};

	(void)sshwire_add_string(out, span_str(pair->public.kind->name));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		add_number(out, pair->key, names[i]);
}

/* All but RSA begin as their public half does. */
static void
add_private(struct buf *out, const struct sshkeypair *pair)
{
	switch (pair->public.kind->family) {
	case FAMILY_ED25519:
		(void)buf_add_span(out, sshkeypair_public(pair));
		(void)sshwire_add_string(out,
			span_of(secret_open(pair->ed25519).data,
				SSHKEY_ED25519_SECRET));
		break;
	case FAMILY_ECDSA:
		(void)buf_add_span(out, sshkeypair_public(pair));
		add_number(out, pair->key, OSSL_PKEY_PARAM_PRIV_KEY);
		break;
	case FAMILY_RSA:
		add_rsa(out, pair);
		break;
	}
}

static void
add_private_part(
	struct buf *out, const struct sshkeypair *pair, const char *comment)
{
	uint32_t check;

	random_bytes(&check, sizeof(check));
	(void)buf_add_u32be(out, check);
	(void)buf_add_u32be(out, check);
	add_private(out, pair);
	(void)sshwire_add_string(out, span_str(comment));
	for (char i = 1; out->len % BLOCK != 0 && out->rc == 0; i++)
		(void)buf_add_char(out, i);
}

static int
write_openssh(const struct sshkeypair *pair, const char *comment,
	struct buf *out, struct err *err)
{
	static const char magic[] = "openssh-key-v1"; /* with its NUL */
	struct buf part, whole;
	int rc;

	buf_init(&part, SSHKEYPAIR_TEXT_MAX);
	buf_init(&whole, SSHKEYPAIR_TEXT_MAX);
	add_private_part(&part, pair, comment);
	(void)buf_add(&whole, magic, sizeof(magic));
	(void)sshwire_add_string(&whole, span_str("none"));
	(void)sshwire_add_string(&whole, span_str("none"));
	(void)sshwire_add_string(&whole, SPAN_NONE);
	(void)buf_add_u32be(&whole, 1);
	(void)sshwire_add_string(&whole, sshkeypair_public(pair));
	(void)sshwire_add_string(&whole, buf_span(&part));
	rc = buf_check(&part, err);
	if (rc == 0)
		rc = buf_check(&whole, err);
	if (rc == 0)
		rc = add_armour(out, "OPENSSH PRIVATE KEY", LINE_OPENSSH,
			buf_span(&whole), err);
	buf_clear(&whole);
	buf_clear(&part);
	return rc;
}

/* ---- PKCS #1 and SEC 1 ------------------------------------------------ */

static int
write_traditional(
	const struct sshkeypair *pair, struct buf *out, struct err *err)
{
	const bool is_rsa = pair->public.kind->family == FAMILY_RSA;
	OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(
		pair->key, EVP_PKEY_KEYPAIR, "DER", "type-specific", NULL);
	unsigned char *der = NULL;
	size_t len = 0;
	int rc;

	if (ctx == NULL || OSSL_ENCODER_to_data(ctx, &der, &len) != 1)
		rc = err_set(err, ERR_CRYPTO, 500, "internal error");
	else
		rc = add_armour(out,
			is_rsa ? "RSA PRIVATE KEY" : "EC PRIVATE KEY", LINE_PEM,
			span_of(der, len), err);
	OPENSSL_clear_free(der, len);
	OSSL_ENCODER_CTX_free(ctx);
	return rc;
}

/* ---- PKCS #8 ------------------------------------------------------------ */

/* OpenSSL's form of a pair, for the caller to free; NULL: no memory. */
static EVP_PKEY *
openssl_of(const struct sshkeypair *pair)
{
	if (pair->key != NULL)
		return EVP_PKEY_up_ref(pair->key) == 1 ? pair->key : NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
		secret_open(pair->ed25519).data, SSHKEY_ED25519_SEED);
}

/* passphrase of no bytes: not sealed. */
static int
write_pkcs8(const struct sshkeypair *pair, struct secret_view passphrase,
	struct buf *out, struct err *err)
{
	const bool sealed = passphrase.len > 0;
	EVP_PKEY *key = openssl_of(pair);
	OSSL_ENCODER_CTX *ctx = key == NULL
		? NULL
		: OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_KEYPAIR, "PEM",
			  sealed ? "EncryptedPrivateKeyInfo" : "PrivateKeyInfo",
			  NULL);
	unsigned char *text = NULL;
	size_t len = 0;
	int rc;

	if (ctx == NULL ||
		(sealed &&
			(OSSL_ENCODER_CTX_set_cipher(
				 ctx, "AES-256-CBC", NULL) != 1 ||
				OSSL_ENCODER_CTX_set_passphrase(ctx,
					passphrase.data,
					passphrase.len) != 1)) ||
		OSSL_ENCODER_to_data(ctx, &text, &len) != 1)
		rc = err_set(err, ERR_CRYPTO, 500, "internal error");
	else if (buf_add(out, text, len) != 0)
		rc = buf_check(out, err);
	else
		rc = 0;
	OPENSSL_clear_free(text, len);
	OSSL_ENCODER_CTX_free(ctx);
	EVP_PKEY_free(key);
	return rc;
}

int
sshkeypair_write_encrypted(const struct sshkeypair *pair,
	struct secret_view passphrase, struct buf *out, struct err *err)
{
	if (passphrase.len == 0)
		return err_set(err, ERR_INPUT, 400, "passphrase is empty");
	return write_pkcs8(pair, passphrase, out, err);
}

int
sshkeypair_write(const struct sshkeypair *pair, enum sshkeypair_form form,
	const char *comment, struct buf *out, struct err *err)
{
	if (form == SSHKEYPAIR_PKCS8)
		return write_pkcs8(pair, secret_view_of("", 0), out, err);
	if (form == SSHKEYPAIR_TRADITIONAL && pair->key != NULL)
		return write_traditional(pair, out, err);
	return write_openssh(pair, comment, out, err);
}
