/*
 * Any text as known_hosts: a host's key has a name there only where the text
 * has the key, and what a pattern excludes it never is.
 */
#include <stdlib.h>
#include <string.h>

#include "client/host_key.h"

#define BLOB_BYTES 51
#define ED25519 "\0\0\0\x0bssh-ed25519\0\0\0\x20"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(1024 * 1024);
	uint8_t blob[BLOB_BYTES] = { 0 };
	const struct span text = span_of(data, size);
	struct host_key key;
	size_t len;

	memcpy(blob, ED25519, sizeof(ED25519) - 1);
	if (arena == NULL ||
		host_key_read(span_of(blob, sizeof(blob)), 1, arena, &key) != 0)
		abort();
	len = strlen(key.line);
	if (host_key_is(&key, text, "web1.example.com,*.org") &&
		memmem(data, size, key.line, len) == NULL)
		abort();
	if (host_key_is(&key, text, "web1,!*") &&
		!host_key_is(&key, text, "web1"))
		abort();
	arena_free(&arena);
	return 0;
}
