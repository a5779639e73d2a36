/* lookup, lookup-self, lookup-accessor. */
#include "server/api/reply.h"
#include "server/auth/token/subject.h"
#include "server/auth/token/tables.h"
#include "storage/wrapping.h"

static const struct field token_fields[] = {
	FIELD_SECRET(struct token_in, token, .len_max = TOKEN_SENT_MAX,
		.doc = "The token; the caller's own if left out of a look-up."),
	FIELD_END,
};

static const struct field accessor_fields[] = {
	FIELD_STR(struct token_in, accessor, .len_max = 64,
		.doc = "The token's accessor."),
	FIELD_END,
};

static void
reply_times(struct reply *reply, const struct token *token, int64_t now_s)
{
	const struct lease *lease = &token->lease;

	reply_int(reply, "creation_time", lease->issue_ns / CLOCK_NS_PER_S);
	reply_int(reply, "creation_ttl", token->creation_ttl_s);
	reply_time_s(reply, "expire_time", lease->expire_s);
	reply_int(reply, "explicit_max_ttl", token->explicit_max_s);
	reply_time_ns(reply, "issue_time", lease->issue_ns);
	reply_int(reply, "ttl",
		lease->expire_s == 0 ? 0 : lease->expire_s - now_s);
	if (token->period_s != 0)
		reply_int(reply, "period", token->period_s);
	if (lease->last_renewal_ns == 0)
		return;
	reply_time_ns(reply, "last_renewal", lease->last_renewal_ns);
	reply_int(reply, "last_renewal_time",
		lease->last_renewal_ns / CLOCK_NS_PER_S);
}

static void
reply_token(struct req *req, struct reply *reply, const struct subject *subject)
{
	const struct token *token = subject->token;
	struct arena *arena = req->arena;
	/* This request's own use is taken with its answer. */
	const bool self = token->lease.ref.row == req->token->lease.ref.row;
	const int64_t spent = self && token->num_uses > 0 ? 1 : 0;
	struct str_list more;

	reply_str(reply, "accessor", token->accessor);
	reply_str(reply, "display_name", token->display_name);
	reply_str(reply, "entity_id", token->entity_id);
	reply_span(reply, "id", span_of(subject->text.data, subject->text.len));
	reply_value(reply, "meta", reply_map(arena, &token->meta));
	reply_int(reply, "num_uses", token->num_uses - spent);
	reply_bool(reply, "orphan", token->orphan);
	reply_str(reply, "path", token->path);
	reply_value(reply, "policies", value_of_list(arena, &token->policies));
	if (!reply_identity_policies(req, token, &more))
		reply->out_of_memory = true;
	if (more.n > 0)
		reply_value(reply, "identity_policies",
			value_of_list(arena, &more));
	if (token->role[0] != '\0')
		reply_str(reply, "role", token->role);
	if (token->bound_cidrs.n > 0)
		reply_value(reply, "bound_cidrs",
			value_of_list(arena, &token->bound_cidrs));
	reply_bool(reply, "renewable", token->lease.renewable);
	reply_str(reply, "type", token_type_name(token));
	reply_times(reply, token, req_now_s(req));
}

/*
 * The caller's own token, by a fresh look-up, since the text is wiped after
 * authentication: its id is shown where the caller sent it in this request.
 */
static int
lookup_self(struct req *req, struct reply *reply, struct err *err)
{
	const struct subject subject = { .token = req->token,
		.text = req->own_token };

	(void)err;
	reply_token(req, reply, &subject);
	return 0;
}

static int
lookup_token(struct req *req, struct reply *reply, struct err *err)
{
	const struct token_in *in = req->in;
	struct subject subject = { .ref = NULL };
	int rc;

	if (in->token.len == 0)
		return lookup_self(req, reply, err);
	rc = subject_find(req, in->token, &subject, err);
	/* sys/wrapping/lookup is for these (spec/core-api.md 5.1). */
	if (rc == 0 && token_is_wrapping(subject.token))
		rc = ERR_ABSENT;
	if (rc == ERR_ABSENT) {
		subject_release(&subject);
		err_clear(err);
		return err_set(err, ERR_DENIED, 403, "bad token");
	}
	if (rc == 0)
		reply_token(req, reply, &subject);
	subject_release(&subject);
	return rc;
}

static int
lookup_accessor(struct req *req, struct reply *reply, struct err *err)
{
	struct subject subject = { .ref = NULL };
	int rc = subject_find_accessor(req, &subject, err);

	if (rc == 0)
		reply_token(req, reply, &subject);
	subject_release(&subject);
	return rc;
}

const struct op token_lookup_ops[] = {
	TOKEN_OP("lookup", OP_READ, token_fields, lookup_token,
		"Look up a token.", .errors = { { 403, "no such token" } }),
	TOKEN_OP("lookup", OP_UPDATE, token_fields, lookup_token,
		"Look up a token.", .errors = { { 403, "no such token" } }),
	TOKEN_OP("lookup-self", OP_READ, NULL, lookup_self,
		"Look up the caller's own token."),
	TOKEN_OP("lookup-self", OP_UPDATE, NULL, lookup_self,
		"Look up the caller's own token."),
	TOKEN_OP("lookup-accessor", OP_UPDATE, accessor_fields, lookup_accessor,
		"Look up a token by its accessor."),
	OP_END,
};
