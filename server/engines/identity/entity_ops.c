/* entity, entity/id/:id and entity/name/:name. */
#include "server/engines/identity/tables.h"

struct entity_in {
	const char *id, *name;
	struct str_map metadata;
	struct str_list policies;
	bool disabled;
};

#define ENTITY_ID(...)                                                         \
	FIELD_STR(struct entity_in, id, .len_max = 256,                        \
		.doc = "The entity's id.", __VA_ARGS__)
#define ENTITY_NAME(...)                                                       \
	FIELD_STR(struct entity_in, name, .len_max = 256,                      \
		.doc = "The entity's name; one is made up if left out.",       \
		__VA_ARGS__)
#define ENTITY_REST                                                            \
	FIELD_MAP(struct entity_in, metadata, .len_max = 65536,                \
		.doc = "Text by name, for templates."),                        \
		FIELD_LIST(struct entity_in, policies, .len_max = 16384,       \
			.doc = "Policies that all its tokens have besides."),  \
		FIELD_BOOL(struct entity_in, disabled,                         \
			.doc = "Its tokens and logins are refused.")

static const struct field entity_fields[] = {
	ENTITY_ID(.flags = 0),
	ENTITY_NAME(.flags = 0),
	ENTITY_REST,
	FIELD_END,
};
static const struct field by_id_fields[] = {
	ENTITY_ID(.flags = FIELD_PATH),
	ENTITY_NAME(.flags = 0),
	ENTITY_REST,
	FIELD_END,
};
static const struct field by_name_fields[] = {
	ENTITY_NAME(.flags = FIELD_PATH),
	ENTITY_REST,
	FIELD_END,
};
static const struct field id_fields[] = {
	ENTITY_ID(.flags = FIELD_PATH),
	FIELD_END,
};
static const struct field name_fields[] = {
	ENTITY_NAME(.flags = FIELD_PATH),
	FIELD_END,
};

/* A request about one entity, in its transaction. */
struct call {
	struct req *req;
	struct entity entity;
	bool found;
	char new_id[RANDOM_UUID_MAX];
	struct str_list inherited;
};

/* By id where one was given, else by name. */
static int
find(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct entity_in *in = req->in;
	const char *id = NULL;
	int rc = identity_find_id(
		tx, req, IDENTITY_ENTITY_NAME, in->id, in->name, &id, err);

	if (rc == 0)
		rc = entity_get(tx, identity_space(req), id, req->arena,
			&call->entity, err);
	call->found = rc == 0;
	return rc;
}

/* ---- write ------------------------------------------------------------ */

static int
start_new(struct call *call, struct err *err)
{
	const struct entity_in *in = call->req->in;
	const char *name = in->name;

	if (name[0] == '\0')
		name = arena_printf(
			call->req->arena, "entity_%.8s", call->new_id);
	if (name == NULL)
		return err_set_memory(err);
	call->entity = (struct entity){ .id = call->new_id, .name = name };
	return 0;
}

static int
apply(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct entity_in *in = req->in;
	struct entity *entity = &call->entity;
	const char *old = call->found ? entity->name : NULL;

	if (in->name[0] != '\0')
		entity->name = in->name;
	if (identity_sent(req, "metadata"))
		entity->metadata = in->metadata;
	if (identity_sent(req, "policies"))
		entity->policies = in->policies;
	if (identity_sent(req, "disabled"))
		entity->disabled = in->disabled;
	entity->updated_ns = tx_now_ns(tx);
	if (!call->found)
		entity->created_ns = entity->updated_ns;
	return identity_rename(tx, req, IDENTITY_ENTITY_NAME, old, entity->name,
		entity->id, "entity", err);
}

static int
put_entity(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	const struct entity_in *in = call->req->in;
	int rc = find(tx, call, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		if (in->id[0] != '\0')
			return err_set(err, ERR_INPUT, 400,
				"entity not found from id");
		rc = start_new(call, err);
	}
	if (rc == 0)
		rc = apply(tx, call, err);
	return rc != 0 ? rc
		       : entity_put(tx, identity_space(call->req),
				 &call->entity, call->req->arena, err);
}

static int
check_input(struct req *req, struct entity_in *in, struct err *err)
{
	int rc = 0;

	/* The fields of entity/name/:name have no id. */
	if (in->id == NULL)
		in->id = "";
	if (in->name[0] != '\0')
		rc = identity_check_name(in->name, err);
	if (rc == 0)
		rc = identity_check_metadata(&in->metadata, err);
	return rc != 0 ? rc : identity_clean_policies(req, &in->policies, err);
}

static int
write_entity(struct req *req, struct reply *reply, struct err *err)
{
	struct call call = { .req = req };
	int rc = check_input(req, req->in, err);

	random_uuid(call.new_id);
	if (rc == 0)
		rc = req_write(req, put_entity, &call, err);
	if (rc != 0 || call.found)
		return rc;
	reply_str(reply, "id", call.entity.id);
	reply_str(reply, "name", call.entity.name);
	reply_value(reply, "aliases", value_null(req->arena));
	return 0;
}

/* ---- read ------------------------------------------------------------- */

static int
get_entity(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	int rc = find(tx, call, err);

	return rc != 0 ? rc
		       : identity_ancestors(tx, call->req, &call->entity.groups,
				 &call->inherited, err);
}

static struct value *
aliases_value(struct req *req, const struct entity *entity)
{
	struct value *list = value_list(req->arena);

	for (size_t i = 0; i < entity->n_aliases; i++) {
		if (!value_add(list,
			    identity_alias_value(
				    req, &entity->aliases[i], entity->id)))
			return NULL;
	}
	return list;
}

static void
show_groups(struct reply *reply, const struct call *call)
{
	struct arena *arena = call->req->arena;
	struct str_list all = call->entity.groups;

	for (size_t i = 0; i < call->inherited.n; i++) {
		if (!str_list_add(arena, &all, call->inherited.items[i]))
			reply->out_of_memory = true;
	}
	reply_value(reply, "direct_group_ids",
		value_of_list(arena, &call->entity.groups));
	reply_value(reply, "inherited_group_ids",
		value_of_list(arena, &call->inherited));
	reply_value(reply, "group_ids", value_of_list(arena, &all));
}

static int
read_entity(struct req *req, struct reply *reply, struct err *err)
{
	struct call call = { .req = req };
	const struct entity *entity = &call.entity;
	int rc = req_read(req, get_entity, &call, err);

	if (rc != 0)
		return rc;
	reply_str(reply, "id", entity->id);
	reply_str(reply, "name", entity->name);
	reply_value(
		reply, "metadata", reply_map(req->arena, &entity->metadata));
	reply_value(reply, "policies",
		value_of_list(req->arena, &entity->policies));
	reply_bool(reply, "disabled", entity->disabled);
	reply_value(reply, "aliases", aliases_value(req, entity));
	reply_time_ns(reply, "creation_time", entity->created_ns);
	reply_time_ns(reply, "last_update_time", entity->updated_ns);
	show_groups(reply, &call);
	reply_value(reply, "merged_entity_ids", value_null(req->arena));
	reply_str(reply, "namespace_id", "root");
	return 0;
}

static int
entity_info(UNUSED struct store_tx *tx, struct req *req,
	UNUSED const char *name, const struct value *record, struct value *info,
	struct err *err)
{
	struct entity entity;
	int rc = entity_decode(record, req->arena, &entity, err);

	if (rc != 0)
		return rc;
	return value_set_str(req->arena, info, "name", entity.name) &&
			value_set(req->arena, info, "aliases",
				aliases_value(req, &entity))
		? 0
		: err_set_memory(err);
}

static int
list_ids(struct req *req, struct reply *reply, struct err *err)
{
	return identity_list(req, reply, IDENTITY_ENTITY, entity_info, err);
}

static int
list_names(struct req *req, struct reply *reply, struct err *err)
{
	return identity_list(req, reply, IDENTITY_ENTITY_NAME, NULL, err);
}

/* ---- delete ----------------------------------------------------------- */

/* Groups forget it. */
static int
leave_groups(struct store_tx *tx, const struct call *call, struct err *err)
{
	const struct entity *entity = &call->entity;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < entity->groups.n; i++)
		rc = identity_drop_member(tx, identity_space(call->req),
			entity->groups.items[i], entity->id, err);
	return rc;
}

static int
drop_entity(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	struct req *req = call->req;
	const struct kv *kv = identity_space(req);
	const struct entity *entity = &call->entity;
	int rc = find(tx, call, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0)
		rc = leave_groups(tx, call, err);
	for (size_t i = 0; rc == 0 && i < entity->n_aliases; i++)
		rc = identity_drop_alias(
			tx, kv, &entity->aliases[i], req->arena, err);
	return rc != 0
		? rc
		: identity_drop_named(tx, req, IDENTITY_ENTITY, entity->id,
			  IDENTITY_ENTITY_NAME, entity->name, err);
}

static int
delete_entity(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct call call = { .req = req };

	return req_write(req, drop_entity, &call, err);
}

#define ENTITY_OP(op_path, op_verb, op_fields, op_handler, op_summary)         \
	{                                                                      \
		.path = op_path, .verb = op_verb,                              \
		.in_size = sizeof(struct entity_in), .fields = op_fields,      \
		.handler = op_handler, .summary = op_summary                   \
	}

const struct op identity_entity_ops[] = {
	{
		.path = "entity",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct entity_in),
		.fields = entity_fields,
		.handler = write_entity,
		.summary =
			"Make an entity, or change the one of that id or name.",
		.text = "What is not sent stays as it is. Logins make entities by themselves.",
		.errors = { { 400, "a name that is taken, or no such id" } },
	},
	{
		.path = "entity/id",
		.verb = OP_LIST,
		.handler = list_ids,
		.summary = "List entities by id.",
	},
	ENTITY_OP("entity/id/:id", OP_READ, id_fields, read_entity,
		"Read an entity."),
	ENTITY_OP("entity/id/:id", OP_UPDATE, by_id_fields, write_entity,
		"Change an entity."),
	ENTITY_OP("entity/id/:id", OP_DELETE, id_fields, delete_entity,
		"Delete an entity; its tokens are refused from then on."),
	{
		.path = "entity/name",
		.verb = OP_LIST,
		.handler = list_names,
		.summary = "List entities by name.",
	},
	ENTITY_OP("entity/name/:name", OP_READ, name_fields, read_entity,
		"Read an entity."),
	ENTITY_OP("entity/name/:name", OP_UPDATE, by_name_fields, write_entity,
		"Make or change the entity of that name."),
	ENTITY_OP("entity/name/:name", OP_DELETE, name_fields, delete_entity,
		"Delete an entity; its tokens are refused from then on."),
	OP_END,
};
