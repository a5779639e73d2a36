/* Roles as tokens that are made, or renewed, by them see them. */
#include "server/auth/token/role.h"

#include "server/auth/token_params.h"
#include "server/auth/token_rules.h"

struct find_ctx {
	struct req *req;
	const struct mount *tokens;
	const char *name;
	const void *role;
};

static int
read_role(struct store_tx *tx, void *ctx, struct err *err)
{
	struct find_ctx *find = ctx;

	return record_get(tx, &find->tokens->kv, &token_role_record, find->name,
		find->req->arena, &find->role, err);
}

int
token_role_find(struct req *req, const struct mount *tokens, const char *name,
	const struct token_role **ret_role, struct err *err)
{
	struct find_ctx find = { req, tokens, name, NULL };
	int rc = req_read(req, read_role, &find, err);

	if (rc == 0)
		*ret_role = find.role;
	return rc;
}

int
token_role_renew(struct req *req, const struct mount *tokens,
	const struct token *token, const struct token_params **ret_params,
	struct err *err)
{
	const struct token_role *role = NULL;
	struct token_params *params;
	int rc;

	if (token->role[0] == '\0')
		return 0;
	rc = token_role_find(req, tokens, token->role, &role, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"failed to renew entry: original token role \"%.64s\" could not be found, not renewing",
			token->role);
	}
	if (rc != 0)
		return rc;
	params = ARENA_NEW(req->arena, struct token_params);
	if (params == NULL)
		return err_set_memory(err);
	/* The token's own wishes still bind it: reliability.md L14. */
	params->type = "default";
	params->period = token_smaller_limit(token->period_s, role->period);
	params->explicit_max_ttl = token_smaller_limit(
		token->explicit_max_s, role->explicit_max_ttl);
	params->ttl = token->lease.ttl_s;
	*ret_params = params;
	return 0;
}
