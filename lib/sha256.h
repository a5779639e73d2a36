/*
 * SHA-256, and HMAC-SHA-256 under keys that are used often: their first blocks
 * are hashed once. No call allocates or fails, so any thread may hash with any
 * key.
 */
#ifndef SALLYPORT_LIB_SHA256_H
#define SALLYPORT_LIB_SHA256_H

#include <openssl/sha.h>

#include "lib/span.h"

#define SHA256_BYTES SHA256_DIGEST_LENGTH
#define HMAC_KEY_BYTES 32

void sha256(struct span data, uint8_t out[SHA256_BYTES]);

/* The states behind the key, padded (RFC 2104 section 2). As secret as it. */
struct hmac_key {
	SHA256_CTX inner, outer;
};

void hmac_key_init(struct hmac_key *key, const uint8_t bytes[HMAC_KEY_BYTES]);
void hmac_key_clear(struct hmac_key *key);

void hmac_sha256(const struct hmac_key *key, struct span text,
	uint8_t out[SHA256_BYTES]);

#endif
