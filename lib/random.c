/* Random bytes from the kernel, and unbiased choices made of them. */
#include "lib/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/codec.h"
#include "lib/secret.h"

void
random_bytes(void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* Without random bytes nothing that we do is safe. */
		if (n <= 0)
			abort();
		at += n;
		len -= (size_t)n;
	}
}

void
random_base62(char *out, size_t n)
{
	static const char digits[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint8_t pool[64];
	size_t i = sizeof(pool);

	while (n > 0) {
		if (i == sizeof(pool)) {
			random_bytes(pool, sizeof(pool));
			i = 0;
		}
		/* 248 is the largest multiple of 62 in a byte. */
		if (pool[i] < 248) {
			*out++ = digits[pool[i] % 62];
			n--;
		}
		i++;
	}
	*out = '\0';
	secret_wipe(pool, sizeof(pool));
}

void
random_uuid(char out[RANDOM_UUID_MAX])
{
	uint8_t b[16];

	random_bytes(b, sizeof(b));
	b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));
	b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
	hex_encode_uuid(b, out);
	secret_wipe(b, sizeof(b));
}

uint64_t
random_below(uint64_t limit)
{
	/* 2^64 mod limit numbers at the low end would be favoured: skip them.
	 */
	uint64_t skip = (0 - limit) % limit, n;

	do {
		random_bytes(&n, sizeof(n));
	} while (n < skip);
	return n % limit;
}
