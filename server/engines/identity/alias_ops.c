/* entity-alias and entity-alias/id/:id. */
#include <string.h>

#include "server/engines/identity/tables.h"

#define ALIAS_REST                                                             \
	IDENTITY_ALIAS_REST(                                                   \
		"The name that the auth method proves, byte for byte.",        \
		"The id of its entity; a new one if left out.")

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
	struct entity entity;
	struct alias *alias; /* of entity */
	bool made;
	struct identity_login fresh; /* ids for what is made */
};

/* The alias of this id, and whose it is; both lie in arena. */
static int
find(struct store_tx *tx, struct call *call, const char *id,
	struct arena *arena, struct err *err)
{
	const struct kv *kv = identity_space(call->req);
	const char *owner = NULL;
	int rc = identity_find_alias(tx, kv, id, arena, &owner, err);

	if (rc == 0)
		rc = entity_get(tx, kv, owner, arena, &call->entity, err);
	for (size_t i = 0; rc == 0 && i < call->entity.n_aliases; i++) {
		call->alias = &call->entity.aliases[i];
		if (strcmp(call->alias->id, id) == 0)
			return 0;
	}
	return rc != 0 ? rc : err_set(err, ERR_ABSENT, 404, "%s", "");
}

/* ---- make ------------------------------------------------------------- */

/* The entity that it is for: the one named, or a new one. */
static int
find_owner(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct identity_alias_in *in = req->in;
	const struct kv *kv = identity_space(req);
	struct entity *entity = &call->entity;
	int rc;

	if (in->canonical_id[0] != '\0') {
		rc = entity_get(
			tx, kv, in->canonical_id, req->arena, entity, err);
		if (rc != ERR_ABSENT)
			return rc;
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "invalid canonical ID");
	}
	*entity = (struct entity){ .id = call->fresh.entity_id,
		.name = arena_printf(
			req->arena, "entity_%.8s", call->fresh.entity_id),
		.created_ns = tx_now_ns(tx) };
	if (entity->name == NULL)
		return err_set_memory(err);
	return identity_rename(tx, req, IDENTITY_ENTITY_NAME, NULL,
		entity->name, entity->id, "entity", err);
}

static int
make_alias(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct identity_alias_in *in = req->in;
	const struct kv *kv = identity_space(req);
	const struct alias alias = {
		.id = call->fresh.alias_id,
		.name = in->name,
		.accessor = in->mount_accessor,
		.created_ns = tx_now_ns(tx),
		.updated_ns = tx_now_ns(tx),
	};
	int rc = find_owner(tx, call, err);

	if (rc == 0)
		rc = identity_add_alias(
			tx, kv, &call->entity, &alias, req->arena, err);
	call->entity.updated_ns = tx_now_ns(tx);
	call->made = rc == 0;
	return rc != 0 ? rc
		       : entity_put(tx, kv, &call->entity, req->arena, err);
}

/* One that is there stays whose it is: no write joins two entities (L07). */
static int
put_alias(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	struct req *req = call->req;
	const struct identity_alias_in *in = req->in;
	const char *owner = NULL;
	int rc = identity_find_login(tx, identity_space(req),
		in->mount_accessor, in->name, req->arena, &owner, err);

	call->made = false;
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return make_alias(tx, call, err);
	}
	if (rc == 0 && in->canonical_id[0] != '\0' &&
		strcmp(in->canonical_id, owner) != 0)
		rc = err_set(err, ERR_EXISTS, 400,
			"this alias belongs to another entity; delete it first");
	return rc;
}

/* ---- change ----------------------------------------------------------- */

static int
rename_alias(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct identity_alias_in *in = req->in;
	const struct kv *kv = identity_space(req);
	struct alias changed = *call->alias;
	const char *owner = NULL;
	int rc = identity_find_login(
		tx, kv, changed.accessor, in->name, req->arena, &owner, err);

	if (rc == 0)
		return err_set(err, ERR_EXISTS, 400,
			"this alias belongs to another entity; delete it first");
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	rc = identity_drop_alias(tx, kv, call->alias, req->arena, err);
	if (rc != 0)
		return rc;
	changed.name = in->name;
	changed.updated_ns = tx_now_ns(tx);
	*call->alias = call->entity.aliases[--call->entity.n_aliases];
	rc = identity_add_alias(
		tx, kv, &call->entity, &changed, req->arena, err);
	return rc != 0 ? rc
		       : entity_put(tx, kv, &call->entity, req->arena, err);
}

static int
change_alias(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	const struct identity_alias_in *in = call->req->in;
	int rc = find(tx, call, in->id, call->req->arena, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "invalid alias ID");
	}
	if (rc == 0)
		rc = identity_check_same(in->mount_accessor,
			call->alias->accessor, "mount", err);
	if (rc == 0)
		rc = identity_check_same(
			in->canonical_id, call->entity.id, "entity", err);
	if (rc != 0 || in->name[0] == '\0' ||
		strcmp(in->name, call->alias->name) == 0)
		return rc;
	return rename_alias(tx, call, err);
}

static int
write_alias(struct req *req, struct reply *reply, struct err *err)
{
	const struct identity_alias_in *in = req->in;
	struct call call = { .req = req };
	int rc;

	if (in->id[0] != '\0')
		return req_write(req, change_alias, &call, err);
	rc = identity_check_alias(req, in->name, in->mount_accessor, err);
	identity_login_draw(&call.fresh);
	if (rc == 0)
		rc = req_write(req, put_alias, &call, err);
	if (rc != 0 || !call.made)
		return rc;
	reply_str(reply, "id", call.fresh.alias_id);
	reply_str(reply, "canonical_id", call.entity.id);
	return 0;
}

/* ---- read, list, delete ------------------------------------------------ */

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
	reply->data = identity_alias_value(req, call.alias, call.entity.id);
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
		shown = identity_alias_value(req, call.alias, call.entity.id);
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
	return identity_list(req, reply, IDENTITY_ALIAS, alias_info, err);
}

static int
drop_alias(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	struct req *req = call->req;
	const struct identity_alias_in *in = req->in;
	const struct kv *kv = identity_space(req);
	int rc = find(tx, call, in->id, call->req->arena, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0)
		rc = identity_drop_alias(tx, kv, call->alias, req->arena, err);
	if (rc != 0)
		return rc;
	*call->alias = call->entity.aliases[--call->entity.n_aliases];
	call->entity.updated_ns = tx_now_ns(tx);
	return entity_put(tx, kv, &call->entity, req->arena, err);
}

static int
delete_alias(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct call call = { .req = req };

	return req_write(req, drop_alias, &call, err);
}

#define ALIAS_OP(op_verb, op_fields, op_handler, op_summary, ...)              \
	{                                                                      \
		.path = "entity-alias/id/:id", .verb = op_verb,                \
		.in_size = sizeof(struct identity_alias_in),                   \
		.fields = op_fields, .handler = op_handler,                    \
		.summary = op_summary, __VA_ARGS__                             \
	}

const struct op identity_alias_ops[] = {
	{
		.path = "entity-alias",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct identity_alias_in),
		.fields = alias_fields,
		.handler = write_alias,
		.summary =
			"Say under which name an auth method knows an entity.",
		.errors = { { 400,
			"no such mount or entity, or another entity's alias" } },
	},
	{
		.path = "entity-alias/id",
		.verb = OP_LIST,
		.handler = list_aliases,
		.summary = "List aliases.",
	},
	ALIAS_OP(OP_READ, id_fields, read_alias, "Read an alias.", .flags = 0),
	ALIAS_OP(OP_UPDATE, by_id_fields, write_alias,
		"Change the name of an alias.",
		.errors = { { 400, "no such alias, or the name is taken" } }),
	ALIAS_OP(OP_DELETE, id_fields, delete_alias, "Delete an alias.",
		.flags = 0),
	OP_END,
};
