/* What guesses at secrets are answered. */
#ifndef SALLYPORT_SERVER_API_GUESS_H
#define SALLYPORT_SERVER_API_GUESS_H

#include "server/api/miss_limit.h"
#include "server/api/req.h"

/*
 * Count a miss of the request's source and refuse: ERR_INPUT (400) with text,
 * or ERR_BUSY (429) where it is over its limit.
 */
int guess_refuse(struct req *req, struct miss_limit *limit, const char *text,
	struct err *err);

#endif
