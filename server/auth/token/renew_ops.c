/* renew, renew-self, renew-accessor: by today's rules of who made the token. */
#include "server/api/cap.h"
#include "server/api/reply.h"
#include "server/auth/token/subject.h"
#include "server/auth/token/tables.h"
#include "server/auth/token_params.h"
#include "server/auth/token_rules.h"
#include "server/core/expire.h"

static const struct field renew_fields[] = {
	FIELD_SECRET(struct token_in, token, .len_max = TOKEN_SENT_MAX,
		.doc = "The token."),
	FIELD_DURATION(struct token_in, increment,
		.doc = "New lifetime from now; the last one if left out."),
	FIELD_END,
};

static const struct field renew_self_fields[] = {
	FIELD_DURATION(struct token_in, increment,
		.doc = "New lifetime from now; the last one if left out."),
	FIELD_END,
};

static const struct field renew_accessor_fields[] = {
	FIELD_STR(struct token_in, accessor, .len_max = 64,
		.doc = "The token's accessor."),
	FIELD_DURATION(struct token_in, increment,
		.doc = "New lifetime from now; the last one if left out."),
	FIELD_END,
};

struct renew_ctx {
	struct req *req;
	struct rowref ref;
	const struct token_params *params; /* of its role today, or NULL */
	struct token_limits limits;        /* with params */
	struct lease_renewal renewal;
	struct token token;
};

/* The rules of today's role go before those that the token was made by. */
static void
apply_params(struct renew_ctx *renew)
{
	const struct token_params *params = renew->params;
	struct lease *lease = &renew->token.lease;
	const struct token_ask ask = { .ttl_s = params->ttl,
		.explicit_max_s = token_smaller_limit(
			renew->token.explicit_max_s, params->explicit_max_ttl),
		.period_s = params->period };
	struct token_lifetime life;

	token_cut_lifetime(&ask, &renew->limits, &life);
	/* A token role is read again each time, and so stays the role's. */
	if (renew->token.role[0] == '\0')
		renew->token.period_s = params->period;
	renew->renewal.period_s = params->period;
	renew->renewal.default_s = life.asked_s;
	lease->max_s = life.max_s == 0
		? 0
		: lease->issue_ns / CLOCK_NS_PER_S + life.max_s;
}

static int
renew_row(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renew_ctx *renew = ctx;
	const struct token_in *in = renew->req->in;
	struct token old;
	int rc;

	rc = token_get(tx, renew->ref, renew->req->arena, &old, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "token not found");
	}
	if (rc != 0)
		return rc;
	renew->token = old;
	renew->renewal = (struct lease_renewal){ .increment_s = in->increment,
		.default_s = old.lease.ttl_s,
		.period_s = old.period_s };
	if (renew->params != NULL)
		apply_params(renew);
	rc = lease_renew(tx, &renew->token.lease, &renew->renewal, err);
	return rc != 0 ? rc : token_update(tx, &old, &renew->token, err);
}

/* Ask the auth method that made the token whether it would do so again. */
static int
ask_method(struct renew_ctx *renew, const struct token *token, struct err *err)
{
	struct req *req = renew->req;
	struct mount *mount = mounts_find(req->server->mounts, token->path);
	int rc = 0;

	if (mount == NULL || !mount->type->is_auth)
		rc = err_set(err, ERR_INPUT, 400, "token not found");
	else if (mount->type->renew != NULL)
		rc = mount->type->renew(req, mount, token, &renew->params, err);
	if (rc == 0)
		renew->limits = (struct token_limits){
			.default_s = mount_default_ttl_s(req->server, mount),
			.max_s = mount_max_ttl_s(req->server, mount),
		};
	if (rc == 0 && renew->params != NULL)
		renew->limits.max_s = token_smaller_limit(
			renew->limits.max_s, renew->params->max_ttl);
	mount_unref(req->server->mounts, &mount);
	return rc;
}

static int
renew_subject(struct req *req, struct reply *reply,
	const struct subject *subject, struct err *err)
{
	struct renew_ctx *renew = ARENA_NEW(req->arena, struct renew_ctx);
	int rc;

	if (subject->token->batch)
		return err_set(
			err, ERR_INPUT, 400, "batch tokens cannot be renewed");
	if (renew == NULL)
		return err_set_memory(err);
	renew->req = req;
	renew->ref = subject->token->lease.ref;
	rc = ask_method(renew, subject->token, err);
	if (rc == 0)
		rc = req_write(req, renew_row, renew, err);
	if (rc != 0)
		return rc;
	req_warn_renewal_cap(req, &renew->token.lease, &renew->renewal);
	expire_notice(req->server->expire, renew->token.lease.expire_s);
	reply_auth(
		reply, &renew->token, subject->text, renew->token.lease.ttl_s);
	return 0;
}

static int
renew_self(struct req *req, struct reply *reply, struct err *err)
{
	const struct subject subject = { .token = req->token,
		.text = req->own_token };

	return renew_subject(req, reply, &subject, err);
}

static int
renew_token(struct req *req, struct reply *reply, struct err *err)
{
	const struct token_in *in = req->in;
	struct subject subject = { .ref = NULL };
	int rc;

	if (in->token.len == 0)
		return err_set(err, ERR_INPUT, 400, "missing token ID");
	rc = subject_find(req, in->token, &subject, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = err_set(err, ERR_INPUT, 400, "token not found");
	}
	if (rc == 0)
		rc = renew_subject(req, reply, &subject, err);
	subject_release(&subject);
	return rc;
}

static int
renew_accessor(struct req *req, struct reply *reply, struct err *err)
{
	struct subject subject = { .ref = NULL };
	int rc = subject_find_accessor(req, &subject, err);

	if (rc == 0)
		rc = renew_subject(req, reply, &subject, err);
	subject_release(&subject);
	return rc;
}

const struct op token_renew_ops[] = {
	TOKEN_OP("renew", OP_UPDATE, renew_fields, renew_token,
		"Renew a token."),
	TOKEN_OP("renew-self", OP_UPDATE, renew_self_fields, renew_self,
		"Renew the caller's own token."),
	TOKEN_OP("renew-accessor", OP_UPDATE, renew_accessor_fields,
		renew_accessor, "Renew a token by its accessor."),
	OP_END,
};
