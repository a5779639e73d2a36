/*
 * Which host keys a server may show, and in which order to ask for their
 * types. A pin is a line ("type base64 …") or a fingerprint ("SHA256:…").
 */
#ifndef SALLYPORT_SERVER_OUTBOUND_HOST_KEY_H
#define SALLYPORT_SERVER_OUTBOUND_HOST_KEY_H

#include "lib/arena.h"

/* A set of key types is a bit for each. */
#define HOST_KEY_TYPES 5
#define HOST_KEY_ANY_TYPE ((1U << HOST_KEY_TYPES) - 1)

struct host_key_pins {
	const char *const *texts;
	const struct span *blobs; /* empty where the text is a fingerprint */
	size_t n;
};

/* The texts stay the caller's. ERR_INPUT (400) for one that is no pin. */
int host_key_read_pins(const char *const *texts, size_t n, struct arena *arena,
	struct host_key_pins *ret_pins, struct err *err);

/* The type of a key; 0: none that we know. */
unsigned host_key_type(struct span blob);

/* The types of the signature algorithms in a list by comma. */
unsigned host_key_types_of(const char *algorithms);

/*
 * Signature algorithms of these types by comma, those of pinned lines first.
 * "": none; NULL: no memory.
 */
const char *host_key_algorithms(const struct host_key_pins *pins,
	unsigned types, bool legacy_crypto, struct arena *arena);

bool host_key_is_pinned(const struct host_key_pins *pins, struct span blob);

/* One is a fingerprint, so that the pinned key may be of any type. */
bool host_key_has_fingerprint(const struct host_key_pins *pins);

/* What to say of a key that is not pinned, both named. NULL: no memory. */
const char *host_key_refusal(const struct host_key_pins *pins, struct span blob,
	struct arena *arena);

#endif
