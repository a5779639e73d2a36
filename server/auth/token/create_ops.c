/* create, create-orphan, create/:role_name: new tokens by who holds one. */
#include <string.h>

#include "server/auth/new_token.h"
#include "server/auth/token/tables.h"
#include "server/auth/token/wish.h"
#include "server/core/identity.h"

#define ORPHAN_PATH "create-orphan"

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
		.doc = "\"service\", or \"batch\" for one that the store keeps no record of."),
	FIELD_STR(struct token_wish, entity_alias, .len_max = 255,
		.doc = "Only together with a token role."),
	FIELD_END,
};

struct creating {
	struct new_token *made;
	struct identity_login who; /* name NULL: no entity_alias */
};

static int
insert_token(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct creating *creating = ctx;
	struct new_token *made = creating->made;
	struct req *req = made->req;
	struct token maker;
	int rc = token_get(tx, req->token->lease.ref, req->arena, &maker, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_DENIED, 403, "permission denied");
	}
	if (rc == 0 && creating->who.name != NULL)
		rc = identity_login(tx, &req->server->system, &creating->who,
			req->arena, &made->token.entity_id, err);
	return rc != 0 ? rc : new_token_insert(tx, made, err);
}

static int
write_token(
	struct new_token *made, const struct token_wish *wish, struct err *err)
{
	struct req *req = made->req;
	/* The id that is drawn for a new entity lies in it. */
	struct creating *creating = ARENA_NEW(req->arena, struct creating);

	if (creating == NULL)
		return err_set_memory(err);
	creating->made = made;
	if (wish->entity_alias[0] != '\0') {
		creating->who.accessor = req->mount->accessor;
		creating->who.name = wish->entity_alias;
		identity_login_draw(&creating->who);
	}
	return req_write(req, insert_token, creating, err);
}

struct naming {
	struct req *req;
	const struct str_list *policies;
	struct str_list missing;
};

static int
find_missing(struct store_tx *tx, void *ctx, struct err *err)
{
	struct naming *naming = ctx;
	struct req *req = naming->req;

	naming->missing.n = 0;
	for (size_t i = 0; i < naming->policies->n; i++) {
		const char *policy = naming->policies->items[i];
		const char *name =
			arena_printf(req->arena, "policies/%s", policy);

		if (name == NULL)
			return err_set_memory(err);
		if (strcmp(policy, "root") != 0 &&
			!kv_exists(tx, &req->server->system, name) &&
			!str_list_add(req->arena, &naming->missing, policy))
			return err_set_memory(err);
	}
	return 0;
}

static int
warn_of_missing_policies(
	struct req *req, const struct str_list *policies, struct err *err)
{
	struct naming naming = { .req = req, .policies = policies };
	int rc = req_read(req, find_missing, &naming, err);

	for (size_t i = 0; rc == 0 && i < naming.missing.n; i++)
		req_warn(req, "Policy \"%.64s\" does not exist",
			naming.missing.items[i]);
	return rc;
}

/* Not a child of its maker: it lives on when that is gone. */
static bool
is_orphan(const struct new_token *made, const struct token_wish *wish,
	const struct token_role *role)
{
	if (role != NULL && role->orphan)
		return true;
	return wish->no_parent || strcmp(made->req->op->path, ORPHAN_PATH) == 0;
}

/*
 * What the maker's token is bound to binds the new one, unless a role says
 * otherwise: reliability.md L14.
 */
static void
bind_token(struct new_token *made, const struct token_maker *maker)
{
	const struct token_role *role = maker->role;
	struct token *token = &made->token;

	token->bound_cidrs = maker->token->bound_cidrs;
	if (role == NULL)
		return;
	token->num_uses = token_smaller_limit(token->num_uses, role->num_uses);
	token->lease.renewable = token->lease.renewable && role->renewable;
	if (role->bound_cidrs.n > 0)
		token->bound_cidrs = role->bound_cidrs;
}

static void
fill_token(struct new_token *made, const struct token_wish *wish,
	const struct token_maker *maker, const struct str_list *policies)
{
	struct token *token = &made->token;

	token->policies = *policies;
	token->meta = wish->meta;
	token->num_uses = wish->num_uses;
	token->period_s = wish->period;
	token->explicit_max_s = wish->explicit_max_ttl;
	token->no_default_policy = wish->no_default_policy;
	token->lease.renewable = wish->renewable && made->life.ttl_s != 0;
	bind_token(made, maker);
	if (is_orphan(made, wish, maker->role))
		return;
	token->lease.owner = maker->token->lease.ref;
	token->entity_id = maker->token->entity_id;
}

static int
make_token(struct new_token *made, const struct token_wish *wish,
	const struct token_role *role, struct err *err)
{
	struct req *req = made->req;
	const struct token_maker maker = { req->token, role, req->has_sudo };
	const struct token_limits limits = { .default_s = mount_default_ttl_s(
						     req->server, req->mount),
		.max_s = mount_max_ttl_s(req->server, req->mount) };
	struct str_list policies;
	int rc;

	rc = token_check_wish(wish, &maker, &made->token.batch, err);
	if (rc == 0)
		rc = token_choose_policies(
			wish, &maker, req->arena, &policies, err);
	if (rc == 0 && made->token.batch && str_list_has(&policies, "root"))
		rc = err_set(err, ERR_INPUT, 400,
			"batch tokens cannot be root tokens");
	if (rc == 0)
		rc = token_choose_lifetime(
			wish, &maker, &policies, &limits, &made->life, err);
	if (rc == 0)
		rc = warn_of_missing_policies(req, &policies, err);
	if (rc != 0)
		return rc;
	fill_token(made, wish, &maker, &policies);
	made->token.display_name =
		token_display_name(req->arena, wish->display_name);
	if (made->token.display_name == NULL)
		return err_set_memory(err);
	rc = new_token_draft(made, wish->id, err);
	return rc != 0 ? rc : write_token(made, wish, err);
}

static int
create_token(struct req *req, struct reply *reply, struct err *err)
{
	struct new_token *made = new_token_start(req, NULL);
	int rc;

	if (made == NULL)
		return err_set_memory(err);
	rc = make_token(made, req->in, NULL, err);
	return rc != 0 ? rc : new_token_reply(made, reply, err);
}

/* ---- by a role -------------------------------------------------------- */

static int
make_by_role(struct req *req, const struct token_role *role,
	struct reply *reply, struct err *err)
{
	const char *suffix = role->path_suffix;
	struct new_token *made = NULL;
	/* Name and suffix are in the path, for revoking by prefix. */
	const char *path = req->mount_path_rest;
	int rc;

	if (suffix[0] != '\0')
		path = arena_printf(req->arena, "%s/%s", path, suffix);
	if (path != NULL)
		made = new_token_start(req, path);
	if (made == NULL)
		return err_set_memory(err);
	made->token.role = req_capture(req, "role_name");
	rc = make_token(made, req->in, role, err);
	return rc != 0 ? rc : new_token_reply(made, reply, err);
}

static int
create_by_role(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = req_capture(req, "role_name");
	const struct token_role *role = NULL;
	int rc = token_role_find(req, req->mount, name, &role, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "unknown role %.64s", name);
	}
	return rc != 0 ? rc : make_by_role(req, role, reply, err);
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
		.path = ORPHAN_PATH,
		.verb = OP_UPDATE,
		.in_size = sizeof(struct token_wish),
		.fields = create_fields,
		.handler = create_token,
		.summary = "Create a token without a parent.",
		.errors = { { 400,
			"a right or a policy that the caller lacks" } },
	},
	{
		.path = "create/:role_name",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct token_wish),
		.fields = create_fields,
		.handler = create_by_role,
		.summary = "Create a token by the rules of a role.",
		.errors = { { 400,
			"no such role, or what it does not allow" } },
	},
	OP_END,
};
