/*
 * The serial numbers that are revoked in a mount, in memory and in order, for
 * its revocation list. What was revoked since the last look is read and put
 * among them, so that a list of many costs no walk over the store each time.
 * They hang on the record of the mount's issuers in the store's cache: they go
 * when those change, with the mount and at seal, and are read anew then.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_SERIALS_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_SERIALS_H

#include "lib/lock.h"
#include "server/engines/ssh/ca/revocation.h"

extern struct guard ssh_serials_guard;

struct ssh_serials;

struct ssh_serial {
	uint64_t number;
	int64_t end_s;   /* it is listed until then */
	uint32_t issuer; /* place of its issuer among the ids */
};

/*
 * Call fn with all that were revoked before this call, perhaps some more; one
 * caller at a time. What fn returns, or why they could not be read.
 */
typedef int ssh_serials_fn(
	void *ctx, const struct ssh_serials *serials, struct err *err);
int ssh_serials_use(
	struct req *req, ssh_serials_fn *fn, void *ctx, struct err *err);

/* Ids of the issuers that any of them is of. */
const struct str_list *ssh_serials_issuers(const struct ssh_serials *serials)
	REQUIRES(ssh_serials_guard);

/* Those of one issuer, in order; *ret_n may be 0. */
const struct ssh_serial *ssh_serials_of(const struct ssh_serials *serials,
	const char *issuer_id, size_t *ret_n) REQUIRES(ssh_serials_guard);

#endif
