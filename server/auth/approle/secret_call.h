/* A request about secret ids of the role in its path. */
#ifndef SALLYPORT_SERVER_AUTH_APPROLE_SECRET_CALL_H
#define SALLYPORT_SERVER_AUTH_APPROLE_SECRET_CALL_H

#include "server/auth/approle/secret_id.h"
#include "server/auth/login.h"

struct approle_call {
	struct req *req;
	const char *name; /* of the role */
	struct login_record by;
	const struct approle_role *role;
	struct approle_secrets secrets;
};

/*
 * Find the role; everything is in req's arena. One that is not there is
 * answered with this status, role "x" does not exist.
 */
int approle_call_begin(struct req *req, int status,
	struct approle_call *ret_call, struct err *err);

#endif
