/*
 * Keys and keyrings at rest: XChaCha20-Poly1305 under a 32-byte key. A blob is
 * a version byte, a random nonce, and the sealed bytes; the version and a
 * label that says what is inside are authenticated with it, so that one kind
 * of blob never passes for another.
 */
#ifndef SALLYPORT_SERVER_KEEPER_WRAP_H
#define SALLYPORT_SERVER_KEEPER_WRAP_H

#include "lib/buf.h"
#include "lib/secret.h"

#define WRAP_KEY 32

/* Append the blob of plain to out. */
int wrap_seal(struct secret_view key, const char *label,
	struct secret_view plain, struct buf *out, struct err *err);

/* Bytes inside a blob; 0 where it is too short to be one. */
size_t wrap_plain_len(struct span blob);

/*
 * Open a blob into plain, which has room for wrap_plain_len bytes. ERR_CRYPTO
 * (500) for a wrong key, a wrong label, or changed bytes.
 */
int wrap_open(struct secret_view key, const char *label, struct span blob,
	uint8_t *plain, struct err *err);

/*
 * The key for one purpose, by HKDF-SHA256 of a key: label is its info. The
 * caller frees it. ERR_MEMORY, ERR_CRYPTO (500).
 */
int wrap_derive(struct secret_view key, const char *label,
	struct secret **ret_key, struct err *err);

#endif
