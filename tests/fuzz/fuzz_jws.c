/*
 * A token as strangers send it, and behind a line break a set of keys as an
 * issuer's server might: what parses has the limits that it must, and nothing
 * that was made up verifies.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/jws.h"

#define ARENA_MAX ((size_t)16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_token(struct span token, const struct jwks *keys, struct arena *arena)
{
	struct jws jws = { 0 };

	if (jws_parse(token, arena, &jws, NULL) != 0)
		return;
	if (jws.alg == NULL || jws.signed_text.len >= token.len)
		abort();
	(void)jws_verify(&jws, keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len > 0 ? memchr(data, '\n', len) : NULL;
	const size_t token_len = end != NULL ? (size_t)(end - data) : len;
	struct arena *arena = arena_new(ARENA_MAX);
	struct jwks *keys = jwks_new();

	json_setup();
	if (arena == NULL || keys == NULL)
		abort();
	if (end != NULL) {
		struct span rest = span_of(end + 1, len - token_len - 1);

		if (jwks_add_json(keys, rest, NULL) != 0)
			(void)jwks_add_pem(keys, rest, NULL);
	}
	if (jwks_count(keys) > JWKS_KEYS_MAX)
		abort();
	check_token(span_of(data, token_len), keys, arena);
	jwks_free(&keys);
	arena_free(&arena);
	return 0;
}
