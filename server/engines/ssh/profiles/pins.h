/*
 * Host keys that a machine is known by, as roles and targets keep them: lines
 * "type base64", or fingerprints "SHA256:…".
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_PINS_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_PINS_H

#include "lib/err.h"
#include "lib/str_list.h"
#include "server/outbound/outbound.h"

#define PINS_MAX 16
#define PINS_TEXT_MAX ((size_t)64 * 1024) /* of all, as sent */

/*
 * What a caller sent in the one form, each key once, in arena. An item may be
 * a public key line with its comment, lines of known_hosts or ssh-keyscan, a
 * whole file of them, or a fingerprint. ERR_INPUT (400): one is none of these,
 * or there are more than PINS_MAX.
 */
int pins_settle(struct arena *arena, struct str_list *pins, struct err *err);

/* Whether the key of line ("type base64 …") is among them, either way. */
bool pins_have(
	const struct str_list *pins, const char *line, struct arena *arena);

/* SHA256:… of a pin of either form, in arena; "": it is no key, no memory. */
const char *pins_fingerprint(const char *pin, struct arena *arena);

/* The fingerprints of all, "a, b", in arena; NULL: no memory. */
const char *pins_text(const struct str_list *pins, struct arena *arena);

/*
 * Where any of them is of the type of line: then line is that of a key that
 * changed; else of one more. Fingerprints have no type, and count as any.
 */
bool pins_have_type_of(const struct str_list *pins, const char *line);

/*
 * What host_key_policy says, of a role or target: strict, tofu or off; "" is
 * strict. ERR_INPUT (400): anything else.
 */
int pins_policy(const char *text, enum outbound_host_key_policy *ret_policy,
	struct err *err);

#endif
