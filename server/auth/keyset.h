/*
 * The public keys of issuers: parsed once, shared by all logins. Those behind
 * an address are fetched, kept, and fetched anew when a token is signed by a
 * key that is not among them, though only so often.
 */
#ifndef SALLYPORT_SERVER_AUTH_KEYSET_H
#define SALLYPORT_SERVER_AUTH_KEYSET_H

#include "lib/jws.h"
#include "server/api/op.h"
#include "server/core/server.h"

/* Fetched keys are used for so long, and where nothing else is to be had. */
#define KEYSET_FRESH_S 600
#define KEYSET_STALE_S 86400

/* Fetches of one source: so many at once, and one more every so often. */
#define KEYSET_BURST 6
#define KEYSET_REFILL_S 10

/* Where keys are; one of them is given. Strings outlive the call. */
struct keyset_source {
	const struct str_list *texts; /* PEM, or JSON Web Key Sets; or NULL */
	const char *jwks_url;         /* or "" */
	const char *issuer;           /* whose discovery document says; or "" */
	const char *ca_pem; /* roots of that server; "": the system's */
};

/* Whether they have to be fetched. */
bool keyset_is_remote(const struct keyset_source *source);

/*
 * Whether the source has keys, fetched now where they are behind an address:
 * 400 with what is wrong.
 */
int keyset_check(struct server *server, const struct keyset_source *source,
	struct err *err);

/*
 * Whether a key of the source made the signature: 0 or 400 "no known key
 * successfully validated the token signature"; 502 where the keys cannot be
 * had, 503 where too many ask for them, 500 without memory. Waits for the
 * network.
 */
int keyset_verify(struct server *server, const struct keyset_source *source,
	const struct jws *jws, struct err *err);

#endif
