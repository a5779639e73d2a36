/*
 * A device's keyed hash, HMAC-SHA256 in the form "hmac-sha256:<64 hex>". Equal
 * text gives equal hashes as long as the device lives (spec/core-api.md 7.2).
 */
#ifndef SALLYPORT_AUDIT_HASHER_H
#define SALLYPORT_AUDIT_HASHER_H

#include "lib/err.h"
#include "lib/span.h"

#define HASHER_KEY 32
#define HASHER_TEXT 76 /* length of the form, without a NUL */

struct hasher;

int hasher_new(const uint8_t key[HASHER_KEY], struct hasher **ret_hasher,
	struct err *err);
void hasher_free(struct hasher **hasher);

/* A number that no other hasher of this run has or will have. */
uint64_t hasher_id(const struct hasher *hasher);

/* The form of text's hash and a NUL. Any thread. */
void hasher_text(const struct hasher *hasher, struct span text,
	char out[HASHER_TEXT + 1]);

#endif
