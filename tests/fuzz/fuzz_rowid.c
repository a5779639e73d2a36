/*
 * Names of rows as callers send them, under a keyring that stays the same: the
 * first byte picks the kind. What is taken has the one length of its kind, and
 * no second spelling with a character's case changed.
 */
#include <stdlib.h>
#include <string.h>

#include "storage/rowid.h"

#define MOUNT "11111111-1111-4111-8111-111111111111"
#define KEYRING_LEN (1 + 2 * BARRIER_KEY + 4 + 4 + 8 + 8 + BARRIER_KEY)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct barrier *
fixed_barrier(void)
{
	uint8_t keyring[KEYRING_LEN] = { 1 };
	struct barrier *barrier = NULL;

	keyring[1 + 2 * BARRIER_KEY + 3] = 1; /* one term, */
	keyring[1 + 2 * BARRIER_KEY + 7] = 1; /* number one */
	if (barrier_from_keyring(secret_view_of(keyring, sizeof(keyring)),
		    &barrier, NULL) != 0)
		abort();
	return barrier;
}

static void
check_taken(
	const struct barrier *barrier, enum rowid_kind kind, struct span text)
{
	char other[ROWID_TEXT_MAX];
	struct rowref ref;

	if (text.len != (kind == ROWID_OTP ? 36u : 24u))
		abort();
	for (size_t i = 0; i < text.len; i++) {
		memcpy(other, text.data, text.len);
		other[i] ^= 0x20;
		/* The check digits are the last two: no luck there. */
		if ((kind == ROWID_OTP || i >= 22) &&
			rowid_parse(barrier, kind, MOUNT,
				span_of(other, text.len), &ref) == 0)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct barrier *barrier;
	enum rowid_kind kind = ROWID_LEASE;
	struct rowref ref;
	struct span text;

	if (len == 0)
		return 0;
	if (barrier == NULL)
		barrier = fixed_barrier();
	kind = data[0] % 4;
	text = span_of(data + 1, len - 1);
	if (rowid_parse(barrier, kind, MOUNT, text, &ref) == 0)
		check_taken(barrier, kind, text);
	return 0;
}
