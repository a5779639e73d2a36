/* group-alias and group-alias/id/:id. */
#include <string.h>

#include "server/engines/identity/tables.h"

#define ALIAS_REST                                                             \
	IDENTITY_ALIAS_REST(                                                   \
		"What the auth method calls the group, byte for byte.",        \
		"The id of its external group; a new one if left out.")

static const struct field alias_fields[] = {
	IDENTITY_ALIAS_ID(.flags = 0),
	ALIAS_REST,
	FIELD_END,
};
static const struct field by_id_fields[] = {
	IDENTITY_ALIAS_ID(.flags = FIELD_PATH),
	ALIAS_REST,
	FIELD_END,
};
static const struct field id_fields[] = {
	IDENTITY_ALIAS_ID(.flags = FIELD_PATH),
	FIELD_END,
};

/* A request about one alias, in its transaction. */
struct call {
	struct req *req;
	struct group group;
	bool changed;
	struct identity_login fresh; /* ids for what is made */
};

/* The group of the alias of this id; it lies in arena. */
static int
find(struct store_tx *tx, struct call *call, const char *id,
	struct arena *arena, struct err *err)
{
	const struct kv *kv = identity_space(call->req);
	const char *owner = NULL;
	int rc = identity_find_group_alias(tx, kv, id, arena, &owner, err);

	if (rc == 0)
		rc = group_get(tx, kv, owner, arena, &call->group, err);
	if (rc == 0 && call->group.alias == NULL)
		rc = err_set(err, ERR_ABSENT, 404, "%s", "");
	return rc;
}

/* No login knows two groups by one name. */
static int
check_free(struct store_tx *tx, const struct call *call, const char *accessor,
	struct err *err)
{
	const struct identity_alias_in *in = call->req->in;
	const char *owner = NULL;
	int rc = identity_find_group_login(tx, identity_space(call->req),
		accessor, in->name, call->req->arena, &owner, err);

	if (rc == 0)
		return err_set(err, ERR_EXISTS, 400,
			"combination of mount and group alias name is already in use");
	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = 0;
	}
	return rc;
}

static int
put_group(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct kv *kv = identity_space(req);
	int rc = 0;

	call->changed = true;
	call->group.updated_ns = tx_now_ns(tx);
	if (call->group.alias != NULL)
		rc = identity_put_group_alias(
			tx, kv, &call->group, req->arena, err);
	return rc != 0 ? rc : group_put(tx, kv, &call->group, req->arena, err);
}

/* ---- make ------------------------------------------------------------- */

static int
find_named(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct identity_alias_in *in = req->in;
	int rc = group_get(tx, identity_space(req), in->canonical_id,
		req->arena, &call->group, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"invalid group ID given in 'canonical_id'");
	}
	if (rc == 0 && !call->group.external)
		rc = err_set(err, ERR_INPUT, 400,
			"alias can't be set on an internal group");
	if (rc == 0 && call->group.alias != NULL)
		rc = err_set(err, ERR_EXISTS, 400,
			"this group has an alias already; delete it first");
	return rc;
}

/* The group that it is for: the one named, or a new one. */
static int
find_owner(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct identity_alias_in *in = req->in;
	struct group *group = &call->group;

	if (in->canonical_id[0] != '\0')
		return find_named(tx, call, err);
	*group = (struct group){ .id = call->fresh.entity_id,
		.name = arena_printf(
			req->arena, "group_%.8s", call->fresh.entity_id),
		.external = true,
		.created_ns = tx_now_ns(tx) };
	if (group->name == NULL)
		return err_set_memory(err);
	return identity_rename(tx, req, IDENTITY_GROUP_NAME, NULL, group->name,
		group->id, "group", err);
}

static int
make_alias(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	const struct identity_alias_in *in = call->req->in;
	const struct alias alias = {
		.id = call->fresh.alias_id,
		.name = in->name,
		.accessor = in->mount_accessor,
		.created_ns = tx_now_ns(tx),
		.updated_ns = tx_now_ns(tx),
	};
	int rc = check_free(tx, call, in->mount_accessor, err);

	if (rc == 0)
		rc = find_owner(tx, call, err);
	if (rc != 0)
		return rc;
	call->group.alias = &alias;
	rc = put_group(tx, call, err);
	call->group.alias = NULL;
	return rc;
}

/* ---- change, delete ---------------------------------------------------- */

/* Whoever was in it was there by the old name. */
static int
let_go(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct kv *kv = identity_space(req);
	struct group *group = &call->group;
	int rc = identity_drop_group_alias(tx, kv, group, req->arena, err);

	for (size_t i = 0; rc == 0 && i < group->entities.n; i++)
		rc = identity_link_entity(tx, kv, group->entities.items[i],
			group->id, false, err);
	group->entities.n = 0;
	group->alias = NULL;
	return rc;
}

static int
rename_alias(struct store_tx *tx, struct call *call, struct err *err)
{
	const struct identity_alias_in *in = call->req->in;
	struct alias changed = *call->group.alias;
	int rc = check_free(tx, call, changed.accessor, err);

	if (rc == 0)
		rc = let_go(tx, call, err);
	if (rc != 0)
		return rc;
	changed.name = in->name;
	changed.updated_ns = tx_now_ns(tx);
	call->group.alias = &changed;
	rc = put_group(tx, call, err);
	call->group.alias = NULL;
	return rc;
}

static int
change_alias(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	const struct identity_alias_in *in = call->req->in;
	int rc = find(tx, call, in->id, call->req->arena, err);

	call->changed = false;
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "invalid group alias ID");
	}
	if (rc == 0)
		rc = identity_check_same(in->mount_accessor,
			call->group.alias->accessor, "mount", err);
	if (rc == 0)
		rc = identity_check_same(
			in->canonical_id, call->group.id, "group", err);
	if (rc != 0 || in->name[0] == '\0' ||
		strcmp(in->name, call->group.alias->name) == 0)
		return rc;
	return rename_alias(tx, call, err);
}

static int
write_alias(struct req *req, struct reply *reply, struct err *err)
{
	const struct identity_alias_in *in = req->in;
	struct call call = { .req = req };
	const char *id = in->id;
	int rc = 0;

	if (in->id[0] != '\0') {
		rc = req_write(req, change_alias, &call, err);
	} else {
		identity_login_draw(&call.fresh);
		id = call.fresh.alias_id;
		rc = identity_check_alias(
			req, in->name, in->mount_accessor, err);
		if (rc == 0)
			rc = req_write(req, make_alias, &call, err);
	}
	if (rc != 0 || !call.changed)
		return rc;
	reply_str(reply, "id", id);
	reply_str(reply, "canonical_id", call.group.id);
	return 0;
}

static int
drop_alias(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	const struct identity_alias_in *in = call->req->in;
	int rc = find(tx, call, in->id, call->req->arena, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0)
		rc = let_go(tx, call, err);
	return rc != 0 ? rc : put_group(tx, call, err);
}

static int
delete_alias(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct call call = { .req = req };

	return req_write(req, drop_alias, &call, err);
}

/* ---- read, list -------------------------------------------------------- */

static int
get_alias(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	const struct identity_alias_in *in = call->req->in;

	return find(tx, call, in->id, call->req->arena, err);
}

static int
read_alias(struct req *req, struct reply *reply, struct err *err)
{
	struct call call = { .req = req };
	int rc = req_read(req, get_alias, &call, err);

	if (rc != 0)
		return rc;
	reply->data =
		identity_alias_value(req, call.group.alias, call.group.id);
	return reply->data != NULL ? 0 : err_set_memory(err);
}

static int
alias_info(struct store_tx *tx, struct req *req, const char *name,
	UNUSED const struct value *record, struct value *info, struct err *err)
{
	struct call call = { .req = req };
	struct arena *arena = arena_new(IDENTITY_RECORD_MEMORY);
	struct value *shown = NULL;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = find(tx, &call, name, arena, err);
	if (rc == 0)
		shown = identity_alias_value(
			req, call.group.alias, call.group.id);
	if (shown != NULL)
		*info = *shown;
	else if (rc == 0)
		rc = err_set_memory(err);
	arena_free(&arena);
	return rc;
}

static int
list_aliases(struct req *req, struct reply *reply, struct err *err)
{
	return identity_list(req, reply, IDENTITY_GROUP_ALIAS, alias_info, err);
}

#define ALIAS_OP(op_verb, op_fields, op_handler, op_summary, ...)              \
	{                                                                      \
		.path = "group-alias/id/:id", .verb = op_verb,                 \
		.in_size = sizeof(struct identity_alias_in),                   \
		.fields = op_fields, .handler = op_handler,                    \
		.summary = op_summary, __VA_ARGS__                             \
	}

const struct op identity_group_alias_ops[] = {
	{
		.path = "group-alias",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct identity_alias_in),
		.fields = alias_fields,
		.handler = write_alias,
		.summary = "Say what an auth method calls an external group.",
		.text = "Each login in that mount then puts its entity into the group or takes it out,\n"
			"as the method tells: jwt by the groups_claim of its role.",
		.errors = { { 400,
			"no such mount or external group, or a name or group that is taken" } },
	},
	{
		.path = "group-alias/id",
		.verb = OP_LIST,
		.handler = list_aliases,
		.summary = "List group aliases.",
	},
	ALIAS_OP(OP_READ, id_fields, read_alias, "Read a group alias.",
		.flags = 0),
	ALIAS_OP(OP_UPDATE, by_id_fields, write_alias,
		"Change the name of a group alias.",
		.text = "The members leave the group; their next logins say who is in it.",
		.errors = { { 400, "no such alias, or the name is taken" } }),
	ALIAS_OP(OP_DELETE, id_fields, delete_alias, "Delete a group alias.",
		.text = "The members leave the group."),
	OP_END,
};
