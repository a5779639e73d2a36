/* Sealing and opening of blobs with libsodium's AEAD; keys from keys. */
#include "server/keeper/wrap.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include "lib/random.h"

#define BLOB_VERSION 1
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD (1 + NONCE)
#define AAD_MAX 64

_Static_assert(
	WRAP_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key length");

/* The associated data: the version byte, then the label. */
static size_t
make_aad(const char *label, uint8_t aad[AAD_MAX])
{
	size_t len = strnlen(label, AAD_MAX - 1);

	aad[0] = BLOB_VERSION;
	memcpy(aad + 1, label, len);
	return len + 1;
}

int
wrap_seal(struct secret_view key, const char *label, struct secret_view plain,
	struct buf *out, struct err *err)
{
	uint8_t aad[AAD_MAX];
	size_t aad_len = make_aad(label, aad);
	uint8_t *blob = NULL;

	if (key.len != WRAP_KEY)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	blob = buf_reserve(out, HEAD + plain.len + TAG);
	if (blob == NULL)
		return buf_check(out, err);
	blob[0] = BLOB_VERSION;
	random_bytes(blob + 1, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(blob + HEAD, NULL,
		plain.data, plain.len, aad, aad_len, NULL, blob + 1, key.data);
	out->len += HEAD + plain.len + TAG;
	return 0;
}

size_t
wrap_plain_len(struct span blob)
{
	return blob.len < HEAD + TAG ? 0 : blob.len - HEAD - TAG;
}

int
wrap_open(struct secret_view key, const char *label, struct span blob,
	uint8_t *plain, struct err *err)
{
	uint8_t aad[AAD_MAX];
	size_t aad_len = make_aad(label, aad);

	if (key.len != WRAP_KEY || blob.len < HEAD + TAG ||
		blob.data[0] != BLOB_VERSION)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL,
		    blob.data + HEAD, blob.len - HEAD, aad, aad_len,
		    blob.data + 1, key.data) != 0)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	return 0;
}

/* bytes: WRAP_KEY of them. */
static bool
hkdf(struct secret_view key, const char *label, uint8_t *bytes)
{
	/* OpenSSL takes parameters as pointers that are not const. */
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
			(void *)(uintptr_t)key.data, key.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
			(void *)(uintptr_t)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	bool done = ctx != NULL &&
		EVP_KDF_derive(ctx, bytes, WRAP_KEY, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	return done;
}

int
wrap_derive(struct secret_view key, const char *label, struct secret **ret_key,
	struct err *err)
{
	struct secret *derived = secret_new(WRAP_KEY);

	if (derived == NULL)
		return err_set_memory(err);
	if (!hkdf(key, label, secret_bytes(derived))) {
		secret_free(&derived);
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	}
	*ret_key = derived;
	return 0;
}
