/*
 * A security key made of software, as OpenSSH's SecurityKeyProvider loads one
 * (PROTOCOL.u2f; interface 10): Ed25519 alone, always touched, and verified
 * when asked for that. The key handle is the private key itself.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION 0x000a0000
#define ALG_ED25519 1
#define ERR_GENERAL (-1)
#define ERR_UNSUPPORTED (-2)
#define EXPORTED __attribute__((visibility("default")))

struct sk_option;
struct sk_resident_key;

struct sk_enroll_response {
	uint8_t flags;
	uint8_t *public_key;
	size_t public_key_len;
	uint8_t *key_handle;
	size_t key_handle_len;
	uint8_t *signature;
	size_t signature_len;
	uint8_t *attestation_cert;
	size_t attestation_cert_len;
	uint8_t *authdata;
	size_t authdata_len;
};

struct sk_sign_response {
	uint8_t flags;
	uint32_t counter;
	uint8_t *sig_r;
	size_t sig_r_len;
	uint8_t *sig_s;
	size_t sig_s_len;
};

EXPORTED uint32_t sk_api_version(void);
EXPORTED int sk_enroll(uint32_t alg, const uint8_t *challenge,
	size_t challenge_len, const char *application, uint8_t flags,
	const char *pin, struct sk_option **options,
	struct sk_enroll_response **ret_response);
EXPORTED int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len,
	const char *application, const uint8_t *key_handle,
	size_t key_handle_len, uint8_t flags, const char *pin,
	struct sk_option **options, struct sk_sign_response **ret_response);
EXPORTED int sk_load_resident_keys(const char *pin, struct sk_option **options,
	struct sk_resident_key ***ret_keys, size_t *ret_n);

uint32_t
sk_api_version(void)
{
	return API_VERSION;
}

/* All is freed by the caller. */
int
sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len,
	const char *application, uint8_t flags, const char *pin,
	struct sk_option **options, struct sk_enroll_response **ret_response)
{
	struct sk_enroll_response *response;

	(void)challenge, (void)challenge_len, (void)application, (void)pin;
	(void)options;
	if (alg != ALG_ED25519)
		return ERR_UNSUPPORTED;
	response = calloc(1, sizeof(*response));
	if (response == NULL || sodium_init() < 0)
		return ERR_GENERAL;
	response->flags = flags;
	response->public_key_len = crypto_sign_PUBLICKEYBYTES;
	response->public_key = malloc(response->public_key_len);
	response->key_handle_len = crypto_sign_SECRETKEYBYTES;
	response->key_handle = malloc(response->key_handle_len);
	/* No attestation: ssh-keygen wants there to be a signature of it. */
	response->signature_len = 1;
	response->signature = calloc(1, 1);
	if (response->public_key == NULL || response->key_handle == NULL ||
		response->signature == NULL)
		return ERR_GENERAL;
	crypto_sign_keypair(response->public_key, response->key_handle);
	*ret_response = response;
	return 0;
}

int
sk_sign(uint32_t alg, const uint8_t *data, size_t data_len,
	const char *application, const uint8_t *key_handle,
	size_t key_handle_len, uint8_t flags, const char *pin,
	struct sk_option **options, struct sk_sign_response **ret_response)
{
	uint8_t message[32 + 1 + 4 + 32];
	struct sk_sign_response *response;

	(void)pin, (void)options;
	if (alg != ALG_ED25519 || key_handle_len != crypto_sign_SECRETKEYBYTES)
		return ERR_UNSUPPORTED;
	response = calloc(1, sizeof(*response));
	if (response == NULL || sodium_init() < 0)
		return ERR_GENERAL;
	response->flags = flags;
	response->counter = 0x01020304;
	response->sig_r_len = crypto_sign_BYTES;
	response->sig_r = malloc(response->sig_r_len);
	if (response->sig_r == NULL)
		return ERR_GENERAL;
	crypto_hash_sha256(
		message, (const uint8_t *)application, strlen(application));
	message[32] = flags;
	memcpy(message + 33, "\1\2\3\4", 4);
	crypto_hash_sha256(message + 37, data, data_len);
	crypto_sign_detached(
		response->sig_r, NULL, message, sizeof(message), key_handle);
	*ret_response = response;
	return 0;
}

int
sk_load_resident_keys(const char *pin, struct sk_option **options,
	struct sk_resident_key ***ret_keys, size_t *ret_n)
{
	(void)pin, (void)options, (void)ret_keys, (void)ret_n;
	return ERR_UNSUPPORTED;
}
