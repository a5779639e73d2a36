/*
 * OpenSSL's plain functions, which OpenSSL 3 has deprecated in favour of EVP:
 * they use the processor's instructions for SHA-256 as EVP does, but a state is
 * a plain struct. Copying one through EVP allocates, which costs three times
 * the hash of a short text.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/sha256.h"

#include <string.h>

#include "lib/secret.h"

static void
add(SHA256_CTX *state, struct span data)
{
	if (data.len > 0)
		(void)SHA256_Update(state, data.data, data.len);
}

void
sha256(struct span data, uint8_t out[SHA256_BYTES])
{
	SHA256_CTX state;

	(void)SHA256_Init(&state);
	add(&state, data);
	(void)SHA256_Final(out, &state);
}

/* The state behind one block of the key combined with pad. */
static void
start(SHA256_CTX *state, const uint8_t bytes[HMAC_KEY_BYTES], uint8_t pad)
{
	uint8_t block[SHA256_CBLOCK];
	size_t i;

	for (i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)((i < HMAC_KEY_BYTES ? bytes[i] : 0) ^ pad);
	(void)SHA256_Init(state);
	add(state, span_of(block, sizeof(block)));
	secret_wipe(block, sizeof(block));
}

void
hmac_key_init(struct hmac_key *key, const uint8_t bytes[HMAC_KEY_BYTES])
{
	start(&key->inner, bytes, 0x36);
	start(&key->outer, bytes, 0x5c);
}

void
hmac_key_clear(struct hmac_key *key)
{
	secret_wipe(key, sizeof(*key));
}

/* The hash of what from has taken and of text. */
static void
finish(const SHA256_CTX *from, struct span text, uint8_t out[SHA256_BYTES])
{
	SHA256_CTX state = *from;

	add(&state, text);
	(void)SHA256_Final(out, &state);
	secret_wipe(&state, sizeof(state));
}

void
hmac_sha256(
	const struct hmac_key *key, struct span text, uint8_t out[SHA256_BYTES])
{
	finish(&key->inner, text, out);
	finish(&key->outer, span_of(out, SHA256_BYTES), out);
}
