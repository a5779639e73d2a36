/* Certificates that a revocation list is asked for; nobody signed them. */
#ifndef SALLYPORT_TESTS_SUPPORT_REVOCABLE_H
#define SALLYPORT_TESTS_SUPPORT_REVOCABLE_H

#include <stdlib.h>

#include "lib/sshcert.h"

#define REVOCABLE_KEY(text)                                                    \
	span_of("\0\0\0\013ssh-ed25519\0\0\0\040" text, 19 + sizeof(text) - 1)
#define REVOCABLE_CA REVOCABLE_KEY("the key of a CA of 32 characters")
#define REVOCABLE_USER REVOCABLE_KEY("the key of a user of as many ...")

/* The caller clears out. */
static inline struct span
revocable_cert(
	struct span ca, uint64_t serial, const char *key_id, struct buf *out)
{
	static const uint8_t nonce[32];
	const struct sshcert_parts parts = {
		.nonce = span_of(nonce, sizeof(nonce)),
		.key = REVOCABLE_USER,
		.serial = serial,
		.type = SSHCERT_USER,
		.key_id = span_str(key_id),
		.ca = ca,
	};

	buf_init(out, SSHCERT_BLOB_MAX);
	if (sshcert_build(&parts, out) != 0 ||
		sshcert_add_signature(out, span_str("none")) != 0)
		abort();
	return buf_span(out);
}

#endif
