/*
 * What is decided about a request before a worker takes it: method, route,
 * seal and headers, in the order of spec/core-api.md 1.9. Nothing of this
 * waits for a disk.
 */
#ifndef SALLYPORT_SERVER_API_ADMIT_H
#define SALLYPORT_SERVER_API_ADMIT_H

#include "server/api/req.h"

/*
 * Fill verb, is_help, is_header, mount, route, op and captures. A path that no
 * row serves is no failure yet: who may not know gets another answer.
 */
int admit(struct req *req, struct err *err);

/* The path of the row that was found, or would be, needs no token. */
bool admit_is_open(const struct req *req);

#endif
