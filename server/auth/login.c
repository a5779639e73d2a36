/* The token of a login, made with what the method claims in one write. */
#include "server/auth/login.h"

#include "server/auth/new_token.h"

#define POLICY_DEFAULT "default"
#define POLICY_ROOT "root"

struct granting {
	struct new_token *made;
	store_fn *claim;
	void *claim_ctx;
};

int
login_check_address(const struct req *req, const struct token_params *params,
	struct err *err)
{
	const struct str_list *blocks = &params->bound_cidrs;

	if (blocks->n == 0 ||
		cidr_any_contains(blocks->items, blocks->n, &req->peer))
		return 0;
	return err_set(err, ERR_DENIED, 403, "permission denied");
}

static int
choose_policies(struct new_token *made, const struct token_params *params,
	struct err *err)
{
	const char *extra = params->no_default_policy ? NULL : POLICY_DEFAULT;
	struct str_list policies;
	int rc = token_clean_policies(
		&params->policies, extra, made->req->arena, &policies, err);

	if (rc != 0)
		return rc;
	if (str_list_has(&policies, POLICY_ROOT))
		return err_set(err, ERR_INPUT, 400,
			"auth methods cannot create root tokens");
	made->token.policies = policies.items;
	made->token.n_policies = policies.n;
	return 0;
}

static void
choose_lifetime(struct new_token *made, const struct token_params *params)
{
	const struct req *req = made->req;
	const struct token_ask ask = { .ttl_s = params->ttl,
		.explicit_max_s = params->explicit_max_ttl,
		.period_s = params->period };
	const struct token_limits limits = {
		.default_s = mount_default_ttl_s(req->server, req->mount),
		.max_s = token_smaller_limit(params->max_ttl,
			mount_max_ttl_s(req->server, req->mount)),
	};

	token_cut_lifetime(&ask, &limits, &made->life);
}

/* All but the draft. */
static int
fill(struct new_token *made, const struct login *login, struct err *err)
{
	/* The record that they come from may be let go before the write. */
	const struct token_params *params =
		token_params_dup(login->params, made->req->arena);
	struct token *token = &made->token;
	int rc;

	if (params == NULL)
		return err_set_memory(err);
	rc = choose_policies(made, params, err);
	if (rc != 0)
		return rc;
	choose_lifetime(made, params);
	token->display_name = login->display_name;
	token->meta = (struct token_meta){ login->meta.keys, login->meta.values,
		login->meta.n };
	token->num_uses = params->num_uses;
	token->period_s = params->period;
	token->explicit_max_s = params->explicit_max_ttl;
	token->no_default_policy = params->no_default_policy;
	token->bound_cidrs = params->bound_cidrs.items;
	token->n_bound_cidrs = params->bound_cidrs.n;
	token->lease.renewable = true;
	return 0;
}

static int
claim_and_insert(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct granting *granting = ctx;
	int rc = 0;

	if (granting->claim != NULL)
		rc = granting->claim(tx, granting->claim_ctx, err);
	return rc != 0 ? rc : new_token_insert(tx, granting->made, err);
}

static int
answer(UNUSED struct req *req, void *ctx, int rc, struct reply *reply,
	UNUSED struct err *err)
{
	const struct granting *granting = ctx;

	if (rc == 0)
		new_token_reply(granting->made, reply);
	return rc;
}

int
login_grant(struct req *req, const struct login *login, struct err *err)
{
	struct granting *granting = ARENA_NEW(req->arena, struct granting);
	int rc;

	if (granting == NULL)
		return err_set_memory(err);
	*granting = (struct granting){ .made = new_token_start(req),
		.claim = login->claim,
		.claim_ctx = login->claim_ctx };
	if (granting->made == NULL)
		return err_set_memory(err);
	rc = login_check_address(req, login->params, err);
	if (rc == 0)
		rc = fill(granting->made, login, err);
	if (rc == 0)
		rc = new_token_draft(
			granting->made, secret_view_of(NULL, 0), err);
	return rc != 0
		? rc
		: req_write_then(req, claim_and_insert, granting, answer, err);
}
