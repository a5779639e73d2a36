/* Keyed hashes and their form. */
#include "audit/hasher.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/sha256.h"

#define PREFIX "hmac-sha256:"

_Static_assert(sizeof(PREFIX) - 1 + 2 * SHA256_BYTES == HASHER_TEXT, "form");
_Static_assert(HASHER_KEY == HMAC_KEY_BYTES, "key");

struct hasher {
	struct hmac_key key; /* only read, so any thread may */
	uint64_t id;
};

int
hasher_new(const uint8_t key[HASHER_KEY], struct hasher **ret_hasher,
	struct err *err)
{
	static _Atomic uint64_t last_id;
	struct hasher *hasher = calloc(1, sizeof(*hasher));

	if (hasher == NULL)
		return err_set_memory(err);
	hmac_key_init(&hasher->key, key);
	hasher->id = atomic_fetch_add(&last_id, 1) + 1;
	*ret_hasher = hasher;
	return 0;
}

void
hasher_free(struct hasher **hasher)
{
	if (*hasher == NULL)
		return;
	hmac_key_clear(&(*hasher)->key);
	free(*hasher);
	*hasher = NULL;
}

uint64_t
hasher_id(const struct hasher *hasher)
{
	return hasher->id;
}

void
hasher_text(const struct hasher *hasher, struct span text,
	char out[HASHER_TEXT + 1])
{
	uint8_t hash[SHA256_BYTES];

	hmac_sha256(&hasher->key, text, hash);
	memcpy(out, PREFIX, sizeof(PREFIX) - 1);
	hex_encode(hash, sizeof(hash), out + sizeof(PREFIX) - 1);
}
