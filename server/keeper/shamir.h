/*
 * Shamir's secret sharing over GF(2^8) with the field polynomial of AES
 * (0x11b), without tables and without branches on secrets (reliability.md
 * L25, L26). A share is the secret's length and one index byte at the end.
 */
#ifndef SALLYPORT_SERVER_KEEPER_SHAMIR_H
#define SALLYPORT_SERVER_KEEPER_SHAMIR_H

#include "lib/err.h"
#include "lib/secret.h"

/*
 * n shares, any t of which give the secret; 2 <= t <= n <= 255. shares holds
 * n * (secret.len + 1) bytes. Indices are distinct, 1..255, in random order.
 */
int shamir_split(struct secret_view secret, unsigned n, unsigned t,
	uint8_t *shares, struct err *err);

/*
 * The secret from n shares of share_len bytes, side by side. ERR_INPUT for an
 * index of 0, a repeated index, or fewer than 2 shares. Wrong shares give
 * wrong bytes: the caller's AEAD finds them.
 */
int shamir_combine(const uint8_t *shares, unsigned n, size_t share_len,
	uint8_t *ret_secret, struct err *err);

#endif
