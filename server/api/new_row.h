/* A row before it is written: what a closure may not draw. */
#ifndef SALLYPORT_SERVER_API_NEW_ROW_H
#define SALLYPORT_SERVER_API_NEW_ROW_H

#include "server/api/req.h"

/*
 * A live row of a lease path, by the path's number, with a number of its own,
 * a salt and the request's id; the rest is zero and the caller's. Not inside a
 * closure.
 */
int req_new_row(struct req *req, enum lease_kind kind, uint32_t path,
	struct lease *ret_lease, struct err *err);

#endif
