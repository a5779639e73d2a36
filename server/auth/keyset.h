/*
 * The public keys of issuers: parsed once, shared by all logins.
 */
#ifndef SALLYPORT_SERVER_AUTH_KEYSET_H
#define SALLYPORT_SERVER_AUTH_KEYSET_H

#include "lib/jws.h"
#include "server/api/op.h"

/* Where keys are: texts of PEM or of JSON Web Key Sets. */
struct keyset_source {
	const struct str_list *texts;
};

/* Whether the source has keys: 400 with what is wrong. */
int keyset_check(const struct keyset_source *source, struct err *err);

/*
 * Whether a key of the source made the signature: 0 or 400 "no known key
 * successfully validated the token signature".
 */
int keyset_verify(const struct keyset_source *source, const struct jws *jws,
	struct err *err);

#endif
