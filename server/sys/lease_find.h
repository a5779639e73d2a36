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

/*
 * Do something for each mount that has leases below a prefix: `rest` is the
 * prefix below the mount, "" for all of it.
 */
typedef int lease_below_fn(struct req *req, const char *mount_uuid,
	const char *rest, struct err *err);
int lease_each_below(struct req *req, const char *prefix, lease_below_fn *fn,
	struct err *err);

#endif
