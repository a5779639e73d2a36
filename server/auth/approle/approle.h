/*
 * auth/approle: machines log in with a role id and a secret id
 * (spec/core-api.md 6.4). The tables of the files beside this one.
 */
#ifndef SALLYPORT_SERVER_AUTH_APPROLE_APPROLE_H
#define SALLYPORT_SERVER_AUTH_APPROLE_APPROLE_H

#include "server/api/op.h"

extern const struct op approle_role_ops[], approle_secret_new_ops[],
	approle_secret_id_ops[], approle_tidy_ops[], approle_login_ops[];

/* What every refused proof is answered. */
#define APPROLE_REFUSED "invalid role or secret ID"

#endif
