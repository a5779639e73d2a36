/* group, group/id/:id and group/name/:name. */
#include <string.h>

#include "server/engines/identity/tables.h"

struct group_in {
	const char *id, *name, *type;
	struct str_list policies, member_entity_ids, member_group_ids;
	struct str_map metadata;
};

#define GROUP_ID(...)                                                          \
	FIELD_STR(struct group_in, id, .len_max = 256,                         \
		.doc = "The group's id.", __VA_ARGS__)
#define GROUP_NAME(...)                                                        \
	FIELD_STR(struct group_in, name, .len_max = 256,                       \
		.doc = "The group's name; one is made up if left out.",        \
		__VA_ARGS__)
#define GROUP_REST                                                             \
	FIELD_STR(struct group_in, type, .len_max = 32,                        \
		.doc = "\"internal\" or \"external\"; fixed once made."),      \
		FIELD_LIST(struct group_in, policies, .len_max = 16384,        \
			.doc = "Policies of all its members."),                \
		FIELD_LIST(struct group_in, member_entity_ids,                 \
			.len_max = 65536, .doc = "Entities that are in it."),  \
		FIELD_LIST(struct group_in, member_group_ids,                  \
			.len_max = 65536,                                      \
			.doc = "Groups whose members are members of it too."), \
		FIELD_MAP(struct group_in, metadata, .len_max = 65536,         \
			.doc = "Text by name, for templates.")

static const struct field group_fields[] = {
	GROUP_ID(.flags = 0),
	GROUP_NAME(.flags = 0),
	GROUP_REST,
	FIELD_END,
};
static const struct field by_id_fields[] = {
	GROUP_ID(.flags = FIELD_PATH),
	GROUP_NAME(.flags = 0),
	GROUP_REST,
	FIELD_END,
};
static const struct field by_name_fields[] = {
	GROUP_NAME(.flags = FIELD_PATH),
	GROUP_REST,
	FIELD_END,
};
static const struct field id_fields[] = {
	GROUP_ID(.flags = FIELD_PATH),
	FIELD_END,
};
static const struct field name_fields[] = {
	GROUP_NAME(.flags = FIELD_PATH),
	FIELD_END,
};

/* A request about one group, in its transaction. */
struct call {
	struct req *req;
	struct group group;
	bool found;
	char new_id[RANDOM_UUID_MAX];
};

static int
find(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct group_in *in = req->in;
	const char *id = NULL;
	int rc = identity_find_id(
		tx, req, IDENTITY_GROUP_NAME, in->id, in->name, &id, err);

	if (rc == 0)
		rc = group_get(tx, identity_space(req), id, req->arena,
			&call->group, err);
	call->found = rc == 0;
	return rc;
}

/* ---- members ---------------------------------------------------------- */

/* How a member's record says which groups it is in. */
typedef int link_fn(struct store_tx *tx, struct req *req, const char *member,
	const char *group_id, bool joins, struct err *err);

static int
no_member(const char *what, const char *id, struct err *err)
{
	err_clear(err);
	return err_set(
		err, ERR_INPUT, 400, "invalid %s ID \"%.64s\"", what, id);
}

static int
link_entity(struct store_tx *tx, struct req *req, const char *member,
	const char *group_id, bool joins, struct err *err)
{
	int rc = identity_link_entity(
		tx, identity_space(req), member, group_id, joins, err);

	return rc == ERR_ABSENT ? no_member("entity", member, err) : rc;
}

static int
link_group(struct store_tx *tx, struct req *req, const char *member,
	const char *group_id, bool joins, struct err *err)
{
	int rc = identity_link_group(
		tx, identity_space(req), member, group_id, joins, err);

	return rc == ERR_ABSENT ? no_member("group", member, err) : rc;
}

/* Tell the records of those that come and of those that go. */
static int
relink(struct store_tx *tx, const struct call *call, const struct str_list *old,
	const struct str_list *now, link_fn *link, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < old->n; i++) {
		if (!str_list_has(now, old->items[i]))
			rc = link(tx, call->req, old->items[i], call->group.id,
				false, err);
	}
	for (size_t i = 0; rc == 0 && i < now->n; i++) {
		if (!str_list_has(old, now->items[i]))
			rc = link(tx, call->req, now->items[i], call->group.id,
				true, err);
	}
	return rc;
}

/* No group may be above itself. */
static int
check_cycle(struct store_tx *tx, const struct call *call, struct err *err)
{
	const struct str_list self = { (const char *[]){ call->group.id }, 1 };
	const struct str_list *members = &call->group.members;
	struct str_list above = { .n = 0 };
	int rc = 0;

	if (call->group.parents.n > 0)
		rc = identity_ancestors(tx, call->req, &self, &above, err);
	for (size_t i = 0; rc == 0 && i < members->n; i++) {
		if (strcmp(members->items[i], call->group.id) == 0 ||
			str_list_has(&above, members->items[i]))
			rc = err_set(err, ERR_INPUT, 400,
				"cyclic relationship detected for member group ID \"%.64s\"",
				members->items[i]);
	}
	return rc;
}

/* Whom an external group has is for logins to say. */
static int
check_no_members(const struct group_in *in, struct err *err)
{
	if (in->member_entity_ids.n > 0)
		return err_set(err, ERR_INPUT, 400,
			"member entities can't be set manually for external groups");
	if (in->member_group_ids.n > 0)
		return err_set(err, ERR_INPUT, 400,
			"member groups can't be set for external groups");
	return 0;
}

static int
set_members(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct group_in *in = req->in;
	struct group *group = &call->group;
	const struct str_list entities = group->entities;
	const struct str_list members = group->members;
	int rc = 0;

	if (group->external)
		return check_no_members(in, err);
	if (identity_sent(req, "member_entity_ids"))
		group->entities = in->member_entity_ids;
	if (identity_sent(req, "member_group_ids"))
		group->members = in->member_group_ids;
	rc = check_cycle(tx, call, err);
	if (rc == 0)
		rc = relink(tx, call, &entities, &group->entities, link_entity,
			err);
	return rc != 0
		? rc
		: relink(tx, call, &members, &group->members, link_group, err);
}

/* ---- write ------------------------------------------------------------ */

static int
start_new(struct call *call, struct err *err)
{
	const struct group_in *in = call->req->in;
	const char *name = in->name;

	if (name[0] == '\0')
		name = arena_printf(
			call->req->arena, "group_%.8s", call->new_id);
	if (name == NULL)
		return err_set_memory(err);
	call->group = (struct group){ .id = call->new_id,
		.name = name,
		.external = strcmp(in->type, "external") == 0 };
	return 0;
}

static int
apply(struct store_tx *tx, struct call *call, struct err *err)
{
	struct req *req = call->req;
	const struct group_in *in = req->in;
	struct group *group = &call->group;
	const char *old = call->found ? group->name : NULL;

	if (in->type[0] != '\0' &&
		(strcmp(in->type, "external") == 0) != group->external)
		return err_set(
			err, ERR_INPUT, 400, "group type cannot be changed");
	if (in->name[0] != '\0')
		group->name = in->name;
	if (identity_sent(req, "metadata"))
		group->metadata = in->metadata;
	if (identity_sent(req, "policies"))
		group->policies = in->policies;
	group->updated_ns = tx_now_ns(tx);
	if (!call->found)
		group->created_ns = group->updated_ns;
	return identity_rename(tx, req, IDENTITY_GROUP_NAME, old, group->name,
		group->id, "group", err);
}

static int
put_group(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	struct req *req = call->req;
	const struct group_in *in = req->in;
	int rc = find(tx, call, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		if (in->id[0] != '\0')
			return err_set(
				err, ERR_INPUT, 400, "group not found from id");
		rc = start_new(call, err);
	}
	if (rc == 0)
		rc = apply(tx, call, err);
	if (rc == 0)
		rc = set_members(tx, call, err);
	return rc != 0 ? rc
		       : group_put(tx, identity_space(req), &call->group,
				 req->arena, err);
}

static int
clean_members(struct req *req, struct str_list *ids, struct err *err)
{
	struct str_list clean = { .n = 0 };

	if (ids->n > IDENTITY_MEMBERS_MAX)
		return err_set(err, ERR_LIMIT, 400,
			"a group has at most %d members of a kind",
			IDENTITY_MEMBERS_MAX);
	for (size_t i = 0; i < ids->n; i++) {
		if (ids->items[i][0] != '\0' &&
			!str_list_add(req->arena, &clean, ids->items[i]))
			return err_set_memory(err);
	}
	*ids = clean;
	return 0;
}

static int
check_input(struct req *req, struct group_in *in, struct err *err)
{
	int rc = 0;

	/* The fields of group/name/:name have no id. */
	if (in->id == NULL)
		in->id = "";
	if (in->type[0] != '\0' && strcmp(in->type, "internal") != 0 &&
		strcmp(in->type, "external") != 0)
		return err_set(err, ERR_INPUT, 400,
			"group type \"%.64s\" is invalid", in->type);
	if (in->name[0] != '\0')
		rc = identity_check_name(in->name, err);
	if (rc == 0)
		rc = identity_check_metadata(&in->metadata, err);
	if (rc == 0)
		rc = clean_members(req, &in->member_entity_ids, err);
	if (rc == 0)
		rc = clean_members(req, &in->member_group_ids, err);
	return rc != 0 ? rc : identity_clean_policies(req, &in->policies, err);
}

static int
write_group(struct req *req, struct reply *reply, struct err *err)
{
	struct call call = { .req = req };
	int rc = check_input(req, req->in, err);

	random_uuid(call.new_id);
	if (rc == 0)
		rc = req_write(req, put_group, &call, err);
	if (rc != 0)
		return rc;
	reply_str(reply, "id", call.group.id);
	reply_str(reply, "name", call.group.name);
	return 0;
}

/* ---- read, list, delete ------------------------------------------------ */

static int
get_group(struct store_tx *tx, void *ctx, struct err *err)
{
	return find(tx, ctx, err);
}

static int
read_group(struct req *req, struct reply *reply, struct err *err)
{
	struct call call = { .req = req };
	const struct group *group = &call.group;
	struct arena *arena = req->arena;
	int rc = req_read(req, get_group, &call, err);

	if (rc != 0)
		return rc;
	reply_str(reply, "id", group->id);
	reply_str(reply, "name", group->name);
	reply_str(reply, "type", group->external ? "external" : "internal");
	reply_value(reply, "policies", value_of_list(arena, &group->policies));
	reply_value(reply, "metadata", reply_map(arena, &group->metadata));
	reply_value(reply, "member_entity_ids",
		value_of_list(arena, &group->entities));
	reply_value(reply, "member_group_ids",
		value_of_list(arena, &group->members));
	reply_value(reply, "parent_group_ids",
		value_of_list(arena, &group->parents));
	reply_value(reply, "alias",
		group->alias == NULL
			? value_object(arena)
			: identity_alias_value(req, group->alias, group->id));
	reply_time_ns(reply, "creation_time", group->created_ns);
	reply_time_ns(reply, "last_update_time", group->updated_ns);
	reply_str(reply, "namespace_id", "root");
	return 0;
}

static int
group_info(UNUSED struct store_tx *tx, struct req *req, UNUSED const char *name,
	const struct value *record, struct value *info, struct err *err)
{
	return value_set_str(req->arena, info, "name",
		       value_find_str(record, "name", ""))
		? 0
		: err_set_memory(err);
}

static int
list_ids(struct req *req, struct reply *reply, struct err *err)
{
	return identity_list(req, reply, IDENTITY_GROUP, group_info, err);
}

static int
list_names(struct req *req, struct reply *reply, struct err *err)
{
	return identity_list(req, reply, IDENTITY_GROUP_NAME, NULL, err);
}

/* The groups above forget it. */
static int
leave_parents(struct store_tx *tx, const struct call *call, struct err *err)
{
	const struct group *group = &call->group;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < group->parents.n; i++)
		rc = identity_drop_member(tx, identity_space(call->req),
			group->parents.items[i], group->id, err);
	return rc;
}

static int
drop_group(struct store_tx *tx, void *ctx, struct err *err)
{
	static const struct str_list nobody = { .n = 0 };
	struct call *call = ctx;
	struct req *req = call->req;
	const struct kv *kv = identity_space(req);
	const struct group *group = &call->group;
	int rc = find(tx, call, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0)
		rc = relink(
			tx, call, &group->entities, &nobody, link_entity, err);
	if (rc == 0)
		rc = relink(
			tx, call, &group->members, &nobody, link_group, err);
	if (rc == 0)
		rc = leave_parents(tx, call, err);
	if (rc == 0 && group->alias != NULL)
		rc = identity_drop_group_alias(tx, kv, group, req->arena, err);
	return rc != 0 ? rc
		       : identity_drop_named(tx, req, IDENTITY_GROUP, group->id,
				 IDENTITY_GROUP_NAME, group->name, err);
}

static int
delete_group(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct call call = { .req = req };

	return req_write(req, drop_group, &call, err);
}

#define GROUP_OP(op_path, op_verb, op_fields, op_handler, op_summary)          \
	{                                                                      \
		.path = op_path, .verb = op_verb,                              \
		.in_size = sizeof(struct group_in), .fields = op_fields,       \
		.handler = op_handler, .summary = op_summary                   \
	}

const struct op identity_group_ops[] = {
	{
		.path = "group",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct group_in),
		.fields = group_fields,
		.handler = write_group,
		.summary =
			"Make a group, or change the one of that id or name.",
		.text = "What is not sent stays as it is.",
		.errors = { { 400,
			"a name that is taken, no such id or member, or a circle" } },
	},
	{
		.path = "group/id",
		.verb = OP_LIST,
		.handler = list_ids,
		.summary = "List groups by id.",
	},
	GROUP_OP("group/id/:id", OP_READ, id_fields, read_group,
		"Read a group."),
	GROUP_OP("group/id/:id", OP_UPDATE, by_id_fields, write_group,
		"Change a group."),
	GROUP_OP("group/id/:id", OP_DELETE, id_fields, delete_group,
		"Delete a group."),
	{
		.path = "group/name",
		.verb = OP_LIST,
		.handler = list_names,
		.summary = "List groups by name.",
	},
	GROUP_OP("group/name/:name", OP_READ, name_fields, read_group,
		"Read a group."),
	GROUP_OP("group/name/:name", OP_UPDATE, by_name_fields, write_group,
		"Make or change the group of that name."),
	GROUP_OP("group/name/:name", OP_DELETE, name_fields, delete_group,
		"Delete a group."),
	OP_END,
};
