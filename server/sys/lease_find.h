/* From lease ids and prefixes, as callers write them, to rows. */
#ifndef SALLYPORT_SERVER_SYS_LEASE_FIND_H
#define SALLYPORT_SERVER_SYS_LEASE_FIND_H

#include "server/api/req.h"

/* The row of "<mount>/<path>/<tail>". ERR_ABSENT for anything else. */
int lease_find(struct req *req, const char *id, struct lease *ret_lease,
	struct err *err);

/*
 * What stands one level below a prefix: tails of leases, folders with '/';
 * sorted, without repeats. An empty list where there is nothing.
 */
int lease_list_level(struct req *req, const char *prefix,
	struct value **ret_keys, struct err *err);

/* Revoke all leases below a prefix, in one mount or in several. */
int lease_revoke_below(struct req *req, const char *prefix, struct err *err);

#endif
