/*
 * auth/userpass: people log in with a name and a password. A user is a named
 * record, in lower case, that keeps the password's hash and what the tokens of
 * its logins may do (spec/core-api.md 6.3).
 */
#ifndef SALLYPORT_SERVER_AUTH_USERPASS_USERPASS_H
#define SALLYPORT_SERVER_AUTH_USERPASS_USERPASS_H

#include "server/api/record_ops.h"
#include "server/auth/token_params.h"

struct userpass_user {
	struct secret_view password; /* as sent; only its hash is stored */
	const char *hash;            /* "": none was set */
	struct token_params token;
};

extern const struct record_type userpass_user_record;

/* Rows of the files beside this one. */
extern const struct op userpass_user_ops[], userpass_login_ops[];

#endif
