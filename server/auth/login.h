/*
 * From a proof of identity to a token: what every auth method does once it
 * knows who the caller is.
 */
#ifndef SALLYPORT_SERVER_AUTH_LOGIN_H
#define SALLYPORT_SERVER_AUTH_LOGIN_H

#include "server/auth/token_params.h"

struct login {
	const struct token_params *params; /* of the user or role */
	const char *display_name;          /* "userpass-bob" */
	struct str_map meta;               /* shown in look-ups and the log */
	/*
	 * The caller's name as this method proved it, the same at each login:
	 * "bob", a role id, a subject. (mount accessor, alias) leads to its
	 * entity. NULL: the token has no entity. What the method knows of the
	 * caller beyond the name, for templates; none: what was known stays.
	 */
	const char *alias;
	struct str_map alias_meta;
	/*
	 * What the proof takes with it, in the token's own transaction and
	 * before it: a use of a secret id, a nonce. Its error is the answer's.
	 * NULL: nothing.
	 */
	store_fn *claim;
	void *claim_ctx;
};

/* For the rows of logins. */
#define LOGIN_FLAGS (OP_UNAUTHENTICATED | OP_ONE_WRITE)

/*
 * A handler's last act, as req_write_then: the caller's token, where its
 * address is one of the role's; 403 "permission denied" where not, 400 where
 * the role would give root. Everything in login is copied or lives in the
 * request's arena.
 */
int login_grant(struct req *req, const struct login *login, struct err *err);

/*
 * Whether a login from here could work at all; to ask before anything costly
 * or counted: 403 "permission denied".
 */
int login_check_address(const struct req *req,
	const struct token_params *params, struct err *err);

#endif
