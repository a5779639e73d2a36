/*
 * Shares from outside: into shamir_combine as they are (first byte: how many),
 * and one by one into keeper_unseal. Garbage never opens the keyring.
 */
#include <stdlib.h>

#include "server/keeper/keeper.h"
#include "server/keeper/shamir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
combine(const uint8_t *data, size_t len)
{
	uint8_t secret[256];
	unsigned n = data[0];
	size_t share_len = n == 0 ? 0 : (len - 1) / n;

	if (share_len <= sizeof(secret))
		(void)shamir_combine(data + 1, n, share_len, secret, NULL);
}

static void
unseal(const uint8_t *data, size_t len)
{
	static struct keeper_share shares[3];
	static struct keeper_blobs blobs;
	static struct keeper *keeper;
	static struct arena *blob_arena;
	struct keeper_progress progress;
	size_t part = 1 + data[0] % 40, used;
	struct arena *arena = arena_new(1 << 20);

	if (keeper == NULL) {
		blob_arena = arena_new(1 << 20);
		if (keeper_new(&keeper, NULL) != 0 ||
			keeper_init(keeper, 3, 2, secret_view_of("ring", 4),
				blob_arena, shares, &blobs, NULL) != 0)
			abort();
	}
	for (used = 0; used < len; used += part) {
		size_t n = len - used < part ? len - used : part;

		if (keeper_unseal(keeper, 2, secret_view_of(data + used, n),
			    &blobs, arena, &progress, NULL) == 0 &&
			progress.opened)
			abort();
	}
	if (keeper_unseal_reset(keeper, NULL) != 0)
		abort();
	arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	combine(data, len);
	unseal(data, len);
	return 0;
}
