/*
 * The key that a certificate is asked for: how it may be written, and which
 * keys a role takes (spec/ssh-engine.md 8.3, 9).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_CERT_KEY_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_CERT_KEY_H

#include "server/engines/ssh/records/role.h"

struct cert_key_kind;

struct cert_key {
	struct span blob;
	const struct cert_key_kind *kind;
	int64_t bits;
};

/*
 * A line as in *.pub, or bare base64. ERR_INPUT (400) "failed to parse
 * public_key as SSH key: …"; certificates and DSA keys are refused so too.
 */
int cert_key_parse(const char *text, struct arena *arena,
	struct cert_key *ret_key, struct err *err);

/*
 * Whether role takes the key. ERR_INPUT (400) "public_key failed to meet the
 * key requirements: …".
 */
int cert_key_check(const struct ssh_role *role, const struct cert_key *key,
	struct err *err);

/*
 * The same of a pair that is to be made, by its key_type ("rsa", "ec", …) and
 * key_bits (0: the type's own). Texts of spec/ssh-engine.md 9. A type that
 * cannot be made is left to who makes it.
 */
int cert_key_check_new(const struct ssh_role *role, const char *type,
	int64_t bits, struct err *err);

#endif
