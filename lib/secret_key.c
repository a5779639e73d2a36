/*
 * Long-lived keys on pages of their own between guard pages, locked and left
 * out of core dumps by libsodium.
 */
#include "lib/secret.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

struct secret {
	uint8_t *bytes; /* from sodium_malloc */
	size_t len;
};

struct secret *
secret_new(size_t len)
{
	struct secret *secret = NULL;

	if (sodium_init() < 0)
		return NULL;
	secret = calloc(1, sizeof(*secret));
	if (secret == NULL)
		return NULL;
	secret->bytes = sodium_malloc(len);
	if (secret->bytes == NULL) {
		free(secret);
		return NULL;
	}
	/* sodium_malloc fills new memory with 0xdb. */
	memset(secret->bytes, 0, len);
	secret->len = len;
	return secret;
}

struct secret *
secret_dup(struct secret_view bytes)
{
	struct secret *secret = secret_new(bytes.len);

	if (secret != NULL && bytes.len > 0)
		memcpy(secret->bytes, bytes.data, bytes.len);
	return secret;
}

void
secret_free(struct secret **secret)
{
	if (*secret == NULL)
		return;
	sodium_free((*secret)->bytes);
	free(*secret);
	*secret = NULL;
}

struct secret_view
secret_open(const struct secret *secret)
{
	return secret_view_of(secret->bytes, secret->len);
}

uint8_t *
secret_bytes(struct secret *secret)
{
	return secret->bytes;
}
