/* The token of a login, made with what the method claims in one write. */
#include "server/auth/login.h"

#include <string.h>

#include "lib/cidr_list.h"
#include "server/auth/new_token.h"

#define POLICY_DEFAULT "default"
#define POLICY_ROOT "root"

struct granting {
	struct new_token *made;
	const struct login_record *by;
	struct identity_login who; /* name NULL: nobody */
	store_fn *claim;
	void *claim_ctx;
};

int
login_check_address(const struct req *req, const struct token_params *params,
	struct err *err)
{
	if (cidr_list_allows(&params->bound_cidrs, &req->peer))
		return 0;
	return err_set(err, ERR_DENIED, 403, "permission denied");
}

/* ---- the record behind a login ---------------------------------------- */

struct finding {
	struct req *req;
	struct login_record *by;
};

static int
read_bytes(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct finding *finding = ctx;
	struct login_record *by = finding->by;

	return tx_get(
		tx, span_str(by->key), finding->req->arena, &by->seen, err);
}

static int
decode(struct req *req, const struct record_type *type, struct login_record *by,
	struct err *err)
{
	void *record = NULL;
	int rc = record_unpack(
		type->fields, type->size, by->seen, req->arena, &record, err);

	by->record = record;
	return rc;
}

int
login_record_find(struct req *req, const struct record_type *type,
	const char *name, struct login_record *ret_by, struct err *err)
{
	const char *const parts[] = { type->prefix, name };
	char full[KV_KEY_MAX], key[KV_KEY_MAX];
	struct login_record by = { .key = NULL };
	struct finding finding = { .req = req, .by = &by };
	int rc = ERR_ABSENT;

	/* A name too long to be stored names nothing. */
	if (str_join(full, sizeof(full), parts, ARRAY_LEN(parts)) &&
		kv_key(&req->mount->kv, full, key, NULL) == 0)
		rc = 0;
	if (rc != 0)
		return err_set(err, rc, 404, "%s", "");
	by.key = arena_strdup(req->arena, key);
	if (by.key == NULL)
		return err_set_memory(err);
	rc = req_read(req, read_bytes, &finding, err);
	if (rc == 0)
		rc = decode(req, type, &by, err);
	if (rc == 0)
		*ret_by = by;
	return rc;
}

int
login_record_check(struct store_tx *tx, const struct login_record *by,
	struct arena *arena, struct err *err)
{
	struct span now = SPAN_NONE;
	int rc = tx_get(tx, span_str(by->key), arena, &now, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (rc == 0 && span_equal(now, by->seen))
		return 0;
	err_clear(err);
	return err_set(
		err, ERR_BUSY, 503, "the login's role changed, try again");
}

/* ---- what the token is to be ------------------------------------------ */

static int
list_policies(const struct token_params *params, struct arena *arena,
	struct str_list *ret_policies, struct err *err)
{
	const char *extra = params->no_default_policy ? NULL : POLICY_DEFAULT;

	return token_clean_policies(
		&params->policies, extra, arena, ret_policies, err);
}

static int
choose_policies(struct new_token *made, const struct token_params *params,
	struct err *err)
{
	struct str_list policies;
	int rc = list_policies(params, made->req->arena, &policies, err);

	if (rc != 0)
		return rc;
	if (str_list_has(&policies, POLICY_ROOT))
		return err_set(err, ERR_INPUT, 400,
			"auth methods cannot create root tokens");
	made->token.policies = policies;
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
	token->batch =
		token_is_batch_by(params->type, made->req->mount->token_type);
	if (token->batch)
		rc = token_check_batch(params->explicit_max_ttl,
			params->num_uses, params->period, err);
	if (rc != 0)
		return rc;
	token->display_name = login->display_name;
	token->proof = login->proof;
	token->meta = login->meta;
	token->num_uses = params->num_uses;
	token->period_s = params->period;
	token->explicit_max_s = params->explicit_max_ttl;
	token->no_default_policy = params->no_default_policy;
	token->bound_cidrs = params->bound_cidrs;
	token->lease.renewable = true;
	return 0;
}

static int
find_entity(
	struct store_tx *tx, const struct granting *granting, struct err *err)
{
	struct req *req = granting->made->req;

	return identity_login(tx, &req->server->system, &granting->who,
		req->arena, &granting->made->token.entity_id, err);
}

static int
claim_and_insert(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct granting *granting = ctx;
	int rc = 0;

	if (granting->by != NULL)
		rc = login_record_check(
			tx, granting->by, granting->made->req->arena, err);
	if (rc == 0 && granting->claim != NULL)
		rc = granting->claim(tx, granting->claim_ctx, err);
	if (rc == 0 && granting->who.name != NULL)
		rc = find_entity(tx, granting, err);
	return rc != 0 ? rc : new_token_insert(tx, granting->made, err);
}

static int
answer(UNUSED struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	const struct granting *granting = ctx;

	return rc != 0 ? rc : new_token_reply(granting->made, reply, err);
}

int
login_grant(struct req *req, const struct login *login, struct err *err)
{
	struct granting *granting = ARENA_NEW(req->arena, struct granting);
	int rc;

	if (granting == NULL)
		return err_set_memory(err);
	*granting =
		(struct granting){ .made = new_token_start(req, login->path),
			.by = login->by,
			.claim = login->claim,
			.claim_ctx = login->claim_ctx };
	if (granting->made == NULL)
		return err_set_memory(err);
	if (login->alias != NULL) {
		granting->who.accessor = req->mount->accessor;
		granting->who.name = login->alias;
		granting->who.metadata = login->alias_meta;
		granting->who.groups = login->groups;
		identity_login_draw(&granting->who);
	}
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

const char *
login_display_name(const struct req *req, const char *name)
{
	const char *mount = req->mount->path + strlen("auth/");
	char *text = arena_printf(req->arena, "%s%s", mount, name);

	if (text == NULL)
		return NULL;
	for (size_t i = 0; mount[i] != '\0'; i++) {
		if (text[i] == '/')
			text[i] = '-';
	}
	/* The mount's path ends in '/', which stands before no name. */
	if (name[0] == '\0')
		text[strlen(text) - 1] = '\0';
	return text;
}

/* ---- renewals --------------------------------------------------------- */

static bool
has_policies(const struct token *token, const struct str_list *policies)
{
	if (token->policies.n != policies->n)
		return false;
	for (size_t i = 0; i < policies->n; i++) {
		if (strcmp(token->policies.items[i], policies->items[i]) != 0)
			return false;
	}
	return true;
}

/* The params, where they still give the policies that the token has. */
static int
renew_params(struct req *req, const struct token *token,
	const struct token_params *params,
	const struct token_params **ret_params, struct err *err)
{
	struct str_list policies;
	int rc = list_policies(params, req->arena, &policies, err);

	if (rc != 0)
		return rc;
	if (!has_policies(token, &policies))
		return err_set(err, ERR_INPUT, 500,
			"failed to renew entry: policies have changed, not renewing");
	*ret_params = token_params_dup(params, req->arena);
	return *ret_params != NULL ? 0 : err_set_memory(err);
}

static const char *
find_meta(const struct token *token, const char *name)
{
	for (size_t i = 0; i < token->meta.n; i++) {
		if (strcmp(token->meta.keys[i], name) == 0)
			return token->meta.values[i];
	}
	return "";
}

static int
find_renewed(struct req *req, const struct mount *mount,
	const struct token *token, const struct login_renewal *by,
	struct compiled **ret_ref, const void **ret_record, struct err *err)
{
	const char *name = find_meta(token, by->meta);
	int rc = record_find(req->server->store, &mount->kv, by->type, name,
		ret_ref, ret_record, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	if (by->gone_end == NULL)
		return err_set(err, ERR_INPUT, 400, "%s", by->gone);
	return err_set(
		err, ERR_INPUT, 400, "%s%.64s%s", by->gone, name, by->gone_end);
}

int
login_renew(struct req *req, const struct mount *mount,
	const struct token *token, const struct login_renewal *by,
	const struct token_params **ret_params, struct err *err)
{
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc = find_renewed(req, mount, token, by, &ref, &record, err);

	if (rc == 0 && by->check != NULL)
		rc = by->check(req, mount, token, record, err);
	if (rc == 0)
		rc = renew_params(req, token,
			(const void *)((const char *)record + by->params),
			ret_params, err);
	compiled_unref(&ref);
	return rc;
}
