/* revoke in its forms; children and leases go with a token. */
#include "server/api/revoke.h"
#include "server/auth/token/subject.h"
#include "server/auth/token/tables.h"

static const struct field token_fields[] = {
	FIELD_SECRET(struct token_in, token, .len_max = TOKEN_SENT_MAX,
		.doc = "The token."),
	FIELD_END,
};

static const struct field accessor_fields[] = {
	FIELD_STR(struct token_in, accessor, .len_max = 64,
		.doc = "The token's accessor."),
	FIELD_END,
};

static int
check_type(const struct token *token, struct err *err)
{
	return !token->batch ? 0
			     : err_set(err, ERR_INPUT, 400,
				       "batch tokens cannot be revoked");
}

static int
revoke_subject(struct req *req, const struct token *token, struct err *err)
{
	int rc = check_type(token, err);

	return rc != 0 ? rc : req_revoke_row(req, token->lease.ref, err);
}

static int
revoke_self(struct req *req, struct reply *reply, struct err *err)
{
	(void)reply;
	return revoke_subject(req, req->token, err);
}

static int
revoke_token(struct req *req, struct reply *reply, struct err *err)
{
	const struct token_in *in = req->in;
	struct subject subject = { .ref = NULL };
	int rc;

	(void)reply;
	if (in->token.len == 0)
		return err_set(err, ERR_INPUT, 400, "missing token ID");
	rc = subject_find(req, in->token, &subject, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0)
		rc = revoke_subject(req, subject.token, err);
	subject_release(&subject);
	return rc;
}

static int
revoke_accessor(struct req *req, struct reply *reply, struct err *err)
{
	struct subject subject = { .ref = NULL };
	int rc = subject_find_accessor(req, &subject, err);

	(void)reply;
	if (rc == 0)
		rc = revoke_subject(req, subject.token, err);
	subject_release(&subject);
	return rc;
}

static int
revoke_orphan(struct req *req, struct reply *reply, struct err *err)
{
	const struct token_in *in = req->in;
	struct subject subject = { .ref = NULL };
	int rc;

	(void)reply;
	if (!req->has_sudo)
		return err_set(err, ERR_INPUT, 400,
			"root or sudo privileges required to revoke and orphan");
	if (in->token.len == 0)
		return err_set(err, ERR_INPUT, 400, "missing token ID");
	rc = subject_find(req, in->token, &subject, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(
			err, ERR_INPUT, 400, "token to revoke not found");
	}
	if (rc == 0)
		rc = check_type(subject.token, err);
	if (rc == 0)
		rc = req_announce(req, err);
	if (rc == 0)
		rc = lease_revoke_orphan(
			req->server->store, subject.token->lease.ref, err);
	subject_release(&subject);
	return rc;
}

const struct op token_revoke_ops[] = {
	TOKEN_OP("revoke", OP_UPDATE, token_fields, revoke_token,
		"Revoke a token, its children and its leases."),
	TOKEN_OP("revoke-self", OP_UPDATE, NULL, revoke_self,
		"Revoke the caller's own token."),
	TOKEN_OP("revoke-accessor", OP_UPDATE, accessor_fields, revoke_accessor,
		"Revoke a token by its accessor."),
	TOKEN_OP("revoke-orphan", OP_UPDATE, token_fields, revoke_orphan,
		"Revoke a token; its children live on as orphans."),
	OP_END,
};
