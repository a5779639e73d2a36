/* Taking back a row as part of a request. */
#ifndef SALLYPORT_SERVER_API_REVOKE_H
#define SALLYPORT_SERVER_API_REVOKE_H

#include "server/api/req.h"

/*
 * Mark the row REVOKING in the request's own transaction: dead for every use
 * from then on. Then take back all that it owns, and it; what lies on other
 * machines goes into the queue. Unknown rows: 0.
 */
int req_revoke_row(struct req *req, struct rowref ref, struct err *err);

#endif
