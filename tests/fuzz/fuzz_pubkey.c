/*
 * Any text as the line of a public key. What is read is the whole of its blob,
 * and the line written of it reads back.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sshcert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_blob(struct span blob)
{
	struct sshkey key;
	struct buf again;

	if (sshkey_parse(blob, &key) != 0)
		return;
	if (sshcert_is(blob))
		abort();
	buf_init(&again, SSHKEY_BLOB_MAX);
	if (sshkey_build(&key, &again) != 0 ||
		!span_equal(buf_span(&again), blob))
		abort();
	buf_clear(&again);
}

static void
check_line(struct arena *arena, struct span blob)
{
	const char *line = sshkey_line(arena, blob);
	char fingerprint[SSHKEY_FINGERPRINT_MAX];
	struct span again;

	if (line == NULL ||
		sshkey_parse_line(span_str(line), arena, &again) != 0 ||
		!span_equal(again, blob))
		abort();
	sshkey_fingerprint(blob, fingerprint);
	if (strlen(fingerprint) != SSHKEY_FINGERPRINT_MAX - 1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct span blob;

	if (arena == NULL)
		abort();
	if (sshkey_parse_line(span_of(data, size), arena, &blob) == 0) {
		check_blob(blob);
		check_line(arena, blob);
	}
	arena_free(&arena);
	return 0;
}
