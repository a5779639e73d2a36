/*
 * The revocation list of a mount in OpenSSH's form, built once for each version
 * and kept beside the version's record in the store's cache: it goes when that
 * changes, with the mount and at seal.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_KRL_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_KRL_H

#include "server/engines/ssh/ca/revocation.h"

/*
 * Answer with the list of all issuers, or of one of them (its id). Whatever was
 * answered as revoked before the call is in it, and its version is never below
 * one that was served before.
 */
int ssh_krl_reply(struct req *req, const char *issuer_id, struct reply *reply,
	struct err *err);

/*
 * The version that a list would have that is served now; 0 where nothing was
 * ever revoked.
 */
int ssh_krl_version(struct req *req, int64_t *ret_version, struct err *err);

#endif
