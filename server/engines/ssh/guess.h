/* What guesses at secrets are answered. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_GUESS_H
#define SALLYPORT_SERVER_ENGINES_SSH_GUESS_H

#include "server/api/req.h"
#include "server/engines/ssh/miss_limit.h"

/*
 * Count a miss of the request's source and refuse: ERR_INPUT (400) with text,
 * or ERR_BUSY (429) where it is over its limit.
 */
int guess_refuse(struct req *req, struct miss_limit *limit, const char *text,
	struct err *err);

#endif
