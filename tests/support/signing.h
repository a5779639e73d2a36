/* Pairs of keys that sign audit lines, new at each run. */
#ifndef SALLYPORT_TESTS_SUPPORT_SIGNING_H
#define SALLYPORT_TESTS_SUPPORT_SIGNING_H

#include <sodium.h>

#include "lib/auditline.h"

/* NULL: there is none. The caller frees it. */
static inline struct secret *
signing_key_new(uint8_t ret_public[AUDITLINE_PUBLIC])
{
	uint8_t secret[AUDITLINE_SECRET];

	if (sodium_init() < 0)
		return NULL;
	crypto_sign_keypair(ret_public, secret);
	return secret_dup(secret_view_of(secret, sizeof(secret)));
}

#endif
