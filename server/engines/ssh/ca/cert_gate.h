/*
 * The last look at a finished certificate (reliability.md L52): its bytes are
 * read again, and everything that they grant is held against the role. Shares
 * no rule with cert_rules.c, so that a fault there is caught here.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_CERT_GATE_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_CERT_GATE_H

#include "server/engines/ssh/ca/cert_rules.h"
#include "server/engines/ssh/ca/issuer_limits.h"

struct cert_gate {
	const struct ssh_role *role;
	const struct cert_caller *caller;
	struct span key;                        /* blob that was to be signed */
	struct span ca;                         /* blob of the issuer's key */
	const struct ssh_issuer_limits *limits; /* the issuer's */
	uint64_t serial; /* that the caller will be told */
	bool allow_sha1; /* of the server's settings */
	struct arena *arena;
};

/*
 * ERR_INTERNAL (500) where the certificate does not fit; the detail names the
 * check. Nothing of it may leave then.
 */
int cert_gate_check(
	const struct cert_gate *gate, struct span cert, struct err *err);

#endif
