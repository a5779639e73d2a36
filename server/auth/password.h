/*
 * Passwords of people: argon2id, 19 MiB and 2 passes, as spec/README.md has
 * decided. Some 20 ms each: for rows with OP_SLOW.
 */
#ifndef SALLYPORT_SERVER_AUTH_PASSWORD_H
#define SALLYPORT_SERVER_AUTH_PASSWORD_H

#include "lib/arena.h"
#include "lib/secret.h"

/* The text to keep in place of a password, into arena. */
int password_hash(struct secret_view password, struct arena *arena,
	const char **ret_hash, struct err *err);

/*
 * Whether this is the password of hash. NULL: nobody's hash; false, after the
 * same work (reliability.md L18).
 */
bool password_is(const char *hash, struct secret_view password);

#endif
