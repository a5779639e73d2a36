/*
 * What the keeper asks of a certificate before it signs, whatever the caller
 * thinks of it: the rules that no role can widen.
 */
#ifndef SALLYPORT_SERVER_KEEPER_CERT_CHECK_H
#define SALLYPORT_SERVER_KEEPER_CERT_CHECK_H

#include "lib/sshcert.h"
#include "server/keeper/keeper.h"

/* ca: blob of the key that would sign. ERR_DENIED (500), the rule in detail. */
int cert_check(const struct sshcert *cert, struct span ca,
	const struct keeper_ca_limits *limits, struct err *err);

#endif
