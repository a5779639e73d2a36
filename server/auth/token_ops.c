/* auth/token: create, look up, renew and revoke tokens. */
#include <string.h>

#include "server/api/cap.h"
#include "server/api/reply.h"
#include "server/api/revoke.h"
#include "server/api/row_ids.h"
#include "server/auth/auth.h"
#include "server/auth/token_rules.h"
#include "server/core/expire.h"
#include "server/core/seal.h"

/* Accessor refusals come as the peer's error list (spec/core-api.md 6.1). */
#define LISTED(text) "1 error occurred:\n\t* " text "\n\n"

/* Rows looked at in one snapshot while accessors are listed. */

static const struct field create_fields[] = {
	FIELD_SECRET(struct token_wish, id, .len_max = 255,
		.doc = "The token's id, chosen by a caller with sudo."),
	FIELD_NAMES(struct token_wish, policies, .len_max = 16384,
		.doc = "Names of its policies, as a list; the caller's if left out."),
	FIELD_MAP(struct token_wish, meta, .len_max = 16384,
		.doc = "Text by name, shown in look-ups and the audit log."),
	FIELD_DURATION(struct token_wish, ttl, .doc = "Lifetime."),
	FIELD_DURATION(struct token_wish, lease, .flags = FIELD_HIDDEN,
		.doc = "Old name of ttl."),
	FIELD_DURATION(struct token_wish, explicit_max_ttl,
		.doc = "Longest life; no renewal goes past it."),
	FIELD_DURATION(struct token_wish, period,
		.doc = "Makes the token periodic: each renewal gives this long."),
	FIELD_INT(struct token_wish, num_uses,
		.doc = "How many requests it is good for; 0 is any number."),
	FIELD_BOOL(struct token_wish, renewable, .initial = "true",
		.doc = "Whether it can be renewed."),
	FIELD_BOOL(struct token_wish, no_parent,
		.doc = "Does not die with the caller's token; needs sudo."),
	FIELD_BOOL(struct token_wish, no_default_policy,
		.doc = "Leaves out the default policy."),
	FIELD_STR(struct token_wish, display_name, .len_max = 255,
		.doc = "A name for the audit log."),
	FIELD_STR(struct token_wish, type, .len_max = 32,
		.doc = "Type of token; \"service\"."),
	FIELD_STR(struct token_wish, entity_alias, .len_max = 255,
		.doc = "Only together with a token role."),
	FIELD_END,
};

struct token_in {
	struct secret_view token;
	const char *accessor;
	int64_t increment; /* s */
};

static const struct field token_fields[] = {
	FIELD_SECRET(struct token_in, token, .len_max = 255,
		.doc = "The token; the caller's own if left out of a look-up."),
	FIELD_END,
};

static const struct field renew_fields[] = {
	FIELD_SECRET(
		struct token_in, token, .len_max = 255, .doc = "The token."),
	FIELD_DURATION(struct token_in, increment,
		.doc = "New lifetime from now; the last one if left out."),
	FIELD_END,
};

static const struct field renew_self_fields[] = {
	FIELD_DURATION(struct token_in, increment,
		.doc = "New lifetime from now; the last one if left out."),
	FIELD_END,
};

static const struct field accessor_fields[] = {
	FIELD_STR(struct token_in, accessor, .len_max = 64,
		.doc = "The token's accessor."),
	FIELD_END,
};

static const struct field renew_accessor_fields[] = {
	FIELD_STR(struct token_in, accessor, .len_max = 64,
		.doc = "The token's accessor."),
	FIELD_DURATION(struct token_in, increment,
		.doc = "New lifetime from now; the last one if left out."),
	FIELD_END,
};

/* ---- finding the token that a request is about ----------------------- */

/* A token held by reference, and its text where the caller gave it. */
struct subject {
	struct compiled *ref;
	const struct token *token;
	struct secret_view text;
};

static int
find_by_text(struct req *req, struct secret_view text,
	struct subject *ret_subject, struct err *err)
{
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	ret_subject->text = text;
	rc = token_find(req->server->store, barrier, req->mount->uuid, text,
		&ret_subject->ref, &ret_subject->token, err);
	seal_release_barrier(req->server->seal);
	return rc;
}

static int
find_by_accessor(struct req *req, struct subject *ret_subject, struct err *err)
{
	const struct token_in *in = req->in;
	struct barrier *barrier;
	int rc;

	if (in->accessor[0] == '\0')
		return err_set(err, ERR_INPUT, 400, LISTED("missing accessor"));
	barrier = seal_hold_barrier(req->server->seal);
	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = token_find_accessor(req->server->store, barrier, req->mount->uuid,
		span_str(in->accessor), &ret_subject->ref, &ret_subject->token,
		err);
	seal_release_barrier(req->server->seal);
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, LISTED("invalid accessor"));
}

/* ---- create ----------------------------------------------------------- */

struct create_ctx {
	struct req *req;
	struct token token;
	struct token_draft draft;
	struct token_lifetime life;
};

static int
insert_token(struct store_tx *tx, void *ctx, struct err *err)
{
	struct create_ctx *create = ctx;
	struct lease *lease = &create->token.lease;
	struct token maker;
	int rc;

	rc = token_get(tx, create->req->token->lease.ref, create->req->arena,
		&maker, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_DENIED, 403, "permission denied");
	}
	if (rc != 0)
		return rc;
	lease->issue_ns = tx_now_ns(tx);
	lease->expire_s =
		create->life.ttl_s == 0 ? 0 : tx_now_s(tx) + create->life.ttl_s;
	lease->max_s =
		create->life.max_s == 0 ? 0 : tx_now_s(tx) + create->life.max_s;
	return token_insert(tx, &create->draft, &create->token, err);
}

static int
warn_of_missing_policies(
	struct req *req, const struct str_list *policies, struct err *err)
{
	struct value *record = NULL;

	for (size_t i = 0; i < policies->n; i++) {
		char *name = arena_printf(
			req->arena, "policies/%s", policies->items[i]);
		int rc;

		if (name == NULL)
			return err_set_memory(err);
		if (strcmp(policies->items[i], "root") == 0)
			continue;
		rc = kv_read(req->server->store, &req->server->system, name,
			req->arena, &record, err);
		if (rc != 0 && rc != ERR_ABSENT)
			return rc;
		err_clear(err);
		if (rc == ERR_ABSENT)
			req_warn(req, "Policy \"%.64s\" does not exist",
				policies->items[i]);
	}
	return 0;
}

/* All but what the draft and the closure know. */
static int
fill_token(struct create_ctx *create, const struct token_wish *wish,
	const struct str_list *policies, bool orphan, struct err *err)
{
	struct req *req = create->req;
	struct token *token = &create->token;

	*token = (struct token){
		.policies = policies->items,
		.n_policies = policies->n,
		.display_name =
			token_display_name(req->arena, wish->display_name),
		.path = arena_strdup(req->arena, req->path),
		.meta = { wish->meta.keys, wish->meta.values, wish->meta.n },
		.entity_id = "",
		.num_uses = wish->num_uses,
		.period_s = wish->period,
		.explicit_max_s = wish->explicit_max_ttl,
		.creation_ttl_s = create->life.ttl_s,
		.orphan = orphan,
		.no_default_policy = wish->no_default_policy,
		.lease = { .kind = LEASE_TOKEN,
			.state = LEASE_LIVE,
			.ttl_s = create->life.ttl_s,
			.renewable =
				wish->renewable && create->life.ttl_s != 0 },
	};
	if (token->display_name == NULL || token->path == NULL)
		return err_set_memory(err);
	if (!orphan)
		token->lease.owner = req->token->lease.ref;
	memcpy(token->lease.request_id, req->id, sizeof(req->id));
	return 0;
}

static int
draft_token(struct create_ctx *create, const struct token_wish *wish,
	struct err *err)
{
	struct req *req = create->req;
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = token_draft(req->server->store, barrier, req->mount->uuid,
		req->mount_path_rest, span_of(wish->id.data, wish->id.len),
		&create->draft, err);
	seal_release_barrier(req->server->seal);
	return rc;
}

static int
make_token(struct create_ctx *create, const struct token_wish *wish,
	bool orphan, struct err *err)
{
	struct req *req = create->req;
	const struct token_maker maker = { req->token, req->has_sudo };
	const struct token_limits limits = { .default_s = mount_default_ttl_s(
						     req->server, req->mount),
		.max_s = mount_max_ttl_s(req->server, req->mount) };
	struct str_list policies;
	int rc;

	rc = token_check_wish(wish, &maker, err);
	if (rc == 0)
		rc = token_choose_policies(
			wish, &maker, req->arena, &policies, err);
	if (rc == 0)
		rc = token_choose_lifetime(
			wish, &maker, &policies, &limits, &create->life, err);
	if (rc == 0)
		rc = warn_of_missing_policies(req, &policies, err);
	if (rc == 0)
		rc = fill_token(create, wish, &policies, orphan, err);
	if (rc == 0)
		rc = draft_token(create, wish, err);
	if (rc != 0)
		return rc;
	if (create->life.capped)
		req_warn_cap(req, create->life.asked_s, create->life.max_s);
	return req_write(req, insert_token, create, err);
}

static int
create_and_reply(
	struct req *req, struct reply *reply, bool orphan, struct err *err)
{
	struct create_ctx *create = ARENA_NEW(req->arena, struct create_ctx);
	int rc;

	if (create == NULL)
		return err_set_memory(err);
	create->req = req;
	rc = make_token(create, req->in, orphan, err);
	if (rc != 0)
		return rc;
	if (create->token.lease.expire_s != 0)
		expire_notice(
			req->server->expire, create->token.lease.expire_s);
	reply_auth(reply, &create->token,
		secret_view_of(create->draft.text, strlen(create->draft.text)),
		create->life.ttl_s);
	return 0;
}

static int
create_token(struct req *req, struct reply *reply, struct err *err)
{
	const struct token_wish *wish = req->in;

	return create_and_reply(req, reply, wish->no_parent, err);
}

static int
create_orphan(struct req *req, struct reply *reply, struct err *err)
{
	struct token_wish *wish = req->in;

	wish->no_parent = false;
	return create_and_reply(req, reply, true, err);
}

/* ---- look up ---------------------------------------------------------- */

static struct value *
text_list(struct arena *arena, const char *const *items, size_t n)
{
	struct value *list = value_list(arena);

	for (size_t i = 0; i < n; i++) {
		if (!value_add(list, value_string(arena, items[i])))
			return NULL;
	}
	return list;
}

static struct value *
meta_value(struct arena *arena, const struct token_meta *meta)
{
	struct value *object;

	if (meta->n == 0)
		return value_null(arena);
	object = value_object(arena);
	for (size_t i = 0; i < meta->n; i++) {
		if (!value_set_str(
			    arena, object, meta->keys[i], meta->values[i]))
			return NULL;
	}
	return object;
}

static void
reply_times(struct reply *reply, const struct token *token, int64_t now_s)
{
	const struct lease *lease = &token->lease;

	reply_int(reply, "creation_time", lease->issue_ns / CLOCK_NS_PER_S);
	reply_int(reply, "creation_ttl", token->creation_ttl_s);
	reply_time_ns(reply, "expire_time", lease->expire_s * CLOCK_NS_PER_S);
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

	reply_str(reply, "accessor", token->accessor);
	reply_str(reply, "display_name", token->display_name);
	reply_str(reply, "entity_id", token->entity_id);
	reply_span(reply, "id", span_of(subject->text.data, subject->text.len));
	reply_value(reply, "meta", meta_value(arena, &token->meta));
	reply_int(reply, "num_uses", token->num_uses - spent);
	reply_bool(reply, "orphan", token->orphan);
	reply_str(reply, "path", token->path);
	reply_value(reply, "policies",
		text_list(arena, token->policies, token->n_policies));
	reply_bool(reply, "renewable", token->lease.renewable);
	reply_str(reply, "type", "service");
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
	rc = find_by_text(req, in->token, &subject, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_DENIED, 403, "bad token");
	}
	if (rc == 0)
		reply_token(req, reply, &subject);
	compiled_unref(&subject.ref);
	return rc;
}

static int
lookup_accessor(struct req *req, struct reply *reply, struct err *err)
{
	struct subject subject = { .ref = NULL };
	int rc = find_by_accessor(req, &subject, err);

	if (rc == 0)
		reply_token(req, reply, &subject);
	compiled_unref(&subject.ref);
	return rc;
}

/* ---- renew ------------------------------------------------------------ */

struct renew_ctx {
	struct req *req;
	struct rowref ref;
	struct lease_renewal renewal;
	struct token token;
};

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
	rc = lease_renew(tx, &renew->token.lease, &renew->renewal, err);
	return rc != 0 ? rc : token_update(tx, &old, &renew->token, err);
}

static int
renew_subject(struct req *req, struct reply *reply,
	const struct subject *subject, struct err *err)
{
	struct renew_ctx *renew = ARENA_NEW(req->arena, struct renew_ctx);
	int rc;

	if (renew == NULL)
		return err_set_memory(err);
	renew->req = req;
	renew->ref = subject->token->lease.ref;
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
	rc = find_by_text(req, in->token, &subject, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = err_set(err, ERR_INPUT, 400, "token not found");
	}
	if (rc == 0)
		rc = renew_subject(req, reply, &subject, err);
	compiled_unref(&subject.ref);
	return rc;
}

static int
renew_accessor(struct req *req, struct reply *reply, struct err *err)
{
	struct subject subject = { .ref = NULL };
	int rc = find_by_accessor(req, &subject, err);

	if (rc == 0)
		rc = renew_subject(req, reply, &subject, err);
	compiled_unref(&subject.ref);
	return rc;
}

/* ---- revoke ----------------------------------------------------------- */

static int
revoke_self(struct req *req, struct reply *reply, struct err *err)
{
	(void)reply;
	return req_revoke_row(req, req->token->lease.ref, err);
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
	rc = find_by_text(req, in->token, &subject, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0)
		rc = req_revoke_row(req, subject.token->lease.ref, err);
	compiled_unref(&subject.ref);
	return rc;
}

static int
revoke_accessor(struct req *req, struct reply *reply, struct err *err)
{
	struct subject subject = { .ref = NULL };
	int rc = find_by_accessor(req, &subject, err);

	(void)reply;
	if (rc == 0)
		rc = req_revoke_row(req, subject.token->lease.ref, err);
	compiled_unref(&subject.ref);
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
	rc = find_by_text(req, in->token, &subject, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(
			err, ERR_INPUT, 400, "token to revoke not found");
	}
	if (rc == 0)
		rc = req_announce(req, err);
	if (rc == 0)
		rc = lease_revoke_orphan(
			req->server->store, subject.token->lease.ref, err);
	compiled_unref(&subject.ref);
	return rc;
}

/* ---- accessors -------------------------------------------------------- */

struct list_ctx {
	struct req *req;
	uint32_t *paths; /* path numbers of the mount */
	size_t n_paths;
};

static int
note_path(void *ctx, uint32_t number, const char *path, struct err *err)
{
	struct list_ctx *list = ctx;
	uint32_t *grown =
		ARENA_ARRAY(list->req->arena, uint32_t, list->n_paths + 1);

	(void)path;
	if (grown == NULL)
		return err_set_memory(err);
	if (list->n_paths > 0)
		memcpy(grown, list->paths,
			list->n_paths * sizeof(*list->paths));
	grown[list->n_paths++] = number;
	list->paths = grown;
	return 0;
}

static int
read_paths(struct store_tx *tx, void *ctx, struct err *err)
{
	struct list_ctx *list = ctx;

	return lease_paths(tx, list->req->mount->uuid, "", list->req->arena,
		note_path, list, err);
}

static bool
is_live_token(const struct lease *lease)
{
	return lease->kind == LEASE_TOKEN && lease->state == LEASE_LIVE;
}

static int
list_accessors(struct req *req, struct reply *reply, struct err *err)
{
	struct list_ctx list = { .req = req };
	struct value *names = value_list(req->arena);
	int rc = req_read(req, read_paths, &list, err);

	for (size_t i = 0; rc == 0 && i < list.n_paths; i++)
		rc = row_ids_add(req,
			&(struct row_ids){ .mount_uuid = req->mount->uuid,
				.path = list.paths[i],
				.kind = ROWID_ACCESSOR,
				.wants = is_live_token },
			names, err);
	if (rc == 0)
		reply_keys(reply, names);
	return rc;
}

#define TOKEN_OP(op_path, op_verb, op_fields, op_handler, op_summary, ...)     \
	{                                                                      \
		.path = op_path, .verb = op_verb,                              \
		.in_size = sizeof(struct token_in), .fields = op_fields,       \
		.handler = op_handler, .summary = op_summary, __VA_ARGS__      \
	}

static const struct op token_ops[] = {
	{
		.path = "create",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct token_wish),
		.fields = create_fields,
		.handler = create_token,
		.summary = "Create a token that is a child of the caller's.",
		.errors = { { 400,
			"a right or a policy that the caller lacks" } },
	},
	{
		.path = "create-orphan",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct token_wish),
		.fields = create_fields,
		.handler = create_orphan,
		.summary = "Create a token without a parent.",
		.errors = { { 400,
			"a right or a policy that the caller lacks" } },
	},
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
	TOKEN_OP("renew", OP_UPDATE, renew_fields, renew_token,
		"Renew a token."),
	TOKEN_OP("renew-self", OP_UPDATE, renew_self_fields, renew_self,
		"Renew the caller's own token."),
	TOKEN_OP("renew-accessor", OP_UPDATE, renew_accessor_fields,
		renew_accessor, "Renew a token by its accessor."),
	TOKEN_OP("revoke", OP_UPDATE, token_fields, revoke_token,
		"Revoke a token, its children and its leases."),
	TOKEN_OP("revoke-self", OP_UPDATE, NULL, revoke_self,
		"Revoke the caller's own token."),
	TOKEN_OP("revoke-accessor", OP_UPDATE, accessor_fields, revoke_accessor,
		"Revoke a token by its accessor."),
	TOKEN_OP("revoke-orphan", OP_UPDATE, token_fields, revoke_orphan,
		"Revoke a token; its children live on as orphans."),
	TOKEN_OP("accessors", OP_LIST, NULL, list_accessors,
		"List the accessors of all tokens.", .flags = OP_SUDO),
	OP_END,
};

static const struct op *const token_tables[] = { token_ops, NULL };

const struct mount_type token_mount_type = {
	.name = "token",
	.description =
		"The token store: what a caller shows with each request, what it may do and\n"
		"until when. A token's children and leases die with it.",
	.is_auth = true,
	.builtin = true,
	.tables = token_tables,
};
