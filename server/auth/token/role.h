/*
 * Token roles: what tokens made at create/<role> are like, and what their
 * makers may choose (spec/core-api.md 6.1).
 */
#ifndef SALLYPORT_SERVER_AUTH_TOKEN_ROLE_H
#define SALLYPORT_SERVER_AUTH_TOKEN_ROLE_H

#include "server/api/record_ops.h"

struct token_role {
	struct str_list allowed_policies, allowed_policies_glob;
	struct str_list disallowed_policies, disallowed_policies_glob;
	struct str_list allowed_entity_aliases; /* patterns */
	struct str_list bound_cidrs;
	const char *path_suffix; /* of the token's path; "" */
	/* "default-service", "default-batch", "service", "batch" */
	const char *type;
	int64_t period, explicit_max_ttl; /* s; 0: none */
	int64_t num_uses;                 /* 0: no limit */
	bool orphan, renewable, no_default_policy;
	/* Which settings were last given by their old name: bits of ours. */
	int64_t old_names;
};

extern const struct record_type token_role_record; /* struct token_role */

/* The role as it is now, in the request's arena. ERR_ABSENT. */
int token_role_find(struct req *req, const struct mount *tokens,
	const char *name, const struct token_role **ret_role, struct err *err);

/*
 * For the token store's mount: by which rules a token that a role made may be
 * renewed now. 400 where the role is gone.
 */
int token_role_renew(struct req *req, const struct mount *tokens,
	const struct token *token, const struct token_params **ret_params,
	struct err *err);

#endif
