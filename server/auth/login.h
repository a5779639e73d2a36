/*
 * From a proof of identity to a token: what every auth method does once it
 * knows who the caller is.
 */
#ifndef SALLYPORT_SERVER_AUTH_LOGIN_H
#define SALLYPORT_SERVER_AUTH_LOGIN_H

#include "server/api/record_ops.h"
#include "server/auth/token_params.h"

/*
 * The user or role that a login is by, as it was read. The token is made only
 * while the record still is what it was then: changed or removed meanwhile is
 * 503, "the login's role changed, try again".
 */
struct login_record {
	const char *key;    /* of the store */
	struct span seen;   /* its bytes */
	const void *record; /* of the type's struct */
};

/* Read one of the mount's records for login, into req's arena. ERR_ABSENT. */
int login_record_find(struct req *req, const struct record_type *type,
	const char *name, struct login_record *ret_by, struct err *err);

/* In a transaction: whether it still is what it was; else that 503. */
int login_record_check(struct store_tx *tx, const struct login_record *by,
	struct arena *arena, struct err *err);

struct login {
	const struct login_record *by; /* NULL: no record stands behind it */
	const struct token_params *params; /* of the user or role */
	const char *display_name;          /* "userpass-bob" */
	/*
	 * What its lease is listed under, "login/bob", where names of the path
	 * have several spellings. NULL: the request's path.
	 */
	const char *path;
	struct str_map meta; /* shown in look-ups and the log */
	/*
	 * The caller's name as this method proved it, the same at each login:
	 * "bob", a role id, a subject. (mount accessor, alias) leads to its
	 * entity. NULL: the token has no entity. What the method knows of the
	 * caller beyond the name, for templates; none: what was known stays.
	 */
	const char *alias;
	struct str_map alias_meta;
	/*
	 * What the method calls the caller's groups: of the external groups
	 * with an alias in this mount the entity is then in these alone.
	 */
	struct str_list groups;
	/*
	 * What exactly proved it, for the method's renew hook alone: the hash
	 * of a certificate. NULL: nothing to keep.
	 */
	const char *proof;
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

/*
 * The display name of a login at this mount: "userpass-bob" for bob, or the
 * mount alone where name is "". NULL: no memory.
 */
const char *login_display_name(const struct req *req, const char *name);

/*
 * How the tokens of a method renew: by the user or role that the login left
 * the name of in the token's metadata, as it stands now.
 */
struct login_renewal {
	const char *meta; /* the key that the name is under */
	const struct record_type *type;
	size_t params; /* offset of its struct token_params */
	/*
	 * What is said where it is gone. With gone_end the name stands between
	 * the two.
	 */
	const char *gone, *gone_end;
	/* What else the record asks of the caller; or NULL. */
	int (*check)(struct req *req, const struct mount *mount,
		const struct token *token, const void *record, struct err *err);
};

/*
 * For renew hooks (server/core/mount.h), whose arguments these are. 400 where
 * the record is gone; 500 "failed to renew entry: policies have changed, not
 * renewing" where it would give other policies than the token has. The params
 * are the arena's own.
 */
int login_renew(struct req *req, const struct mount *mount,
	const struct token *token, const struct login_renewal *by,
	const struct token_params **ret_params, struct err *err);

#endif
