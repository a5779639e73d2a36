/* create, create-orphan: new tokens by whoever holds one. */
#include <string.h>

#include "server/auth/new_token.h"
#include "server/auth/token/tables.h"

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

static int
insert_token(struct store_tx *tx, void *ctx, struct err *err)
{
	struct new_token *made = ctx;
	struct token maker;
	int rc;

	rc = token_get(
		tx, made->req->token->lease.ref, made->req->arena, &maker, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_DENIED, 403, "permission denied");
	}
	return rc != 0 ? rc : new_token_insert(tx, made, err);
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

static void
fill_token(struct new_token *made, const struct token_wish *wish,
	const struct str_list *policies, bool orphan)
{
	struct req *req = made->req;
	struct token *token = &made->token;

	token->policies = policies->items;
	token->n_policies = policies->n;
	token->meta = (struct token_meta){ wish->meta.keys, wish->meta.values,
		wish->meta.n };
	token->num_uses = wish->num_uses;
	token->period_s = wish->period;
	token->explicit_max_s = wish->explicit_max_ttl;
	token->no_default_policy = wish->no_default_policy;
	token->lease.renewable = wish->renewable && made->life.ttl_s != 0;
	if (!orphan)
		token->lease.owner = req->token->lease.ref;
}

static int
make_token(struct new_token *made, const struct token_wish *wish, bool orphan,
	struct err *err)
{
	struct req *req = made->req;
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
			wish, &maker, &policies, &limits, &made->life, err);
	if (rc == 0)
		rc = warn_of_missing_policies(req, &policies, err);
	if (rc != 0)
		return rc;
	fill_token(made, wish, &policies, orphan);
	made->token.display_name =
		token_display_name(req->arena, wish->display_name);
	if (made->token.display_name == NULL)
		return err_set_memory(err);
	rc = new_token_draft(made, wish->id, err);
	return rc != 0 ? rc : req_write(req, insert_token, made, err);
}

static int
create_and_reply(
	struct req *req, struct reply *reply, bool orphan, struct err *err)
{
	struct new_token *made = new_token_start(req, NULL);
	int rc;

	if (made == NULL)
		return err_set_memory(err);
	rc = make_token(made, req->in, orphan, err);
	if (rc == 0)
		new_token_reply(made, reply);
	return rc;
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

const struct op token_create_ops[] = {
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
	OP_END,
};
