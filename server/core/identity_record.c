/* Entities, groups and what leads to them, as records of the store. */
#include <string.h>

#include "lib/codec.h"
#include "lib/sha256.h"
#include "server/core/identity.h"

#define IDENTITY_LOGIN "identity/login/"
#define IDENTITY_GROUP_LOGIN "identity/group-login/"

/* ---- entities --------------------------------------------------------- */

static struct value *
encode_alias(struct arena *arena, const struct alias *alias)
{
	struct value *object = value_object(arena);
	bool ok = value_set_str(arena, object, "id", alias->id) &&
		value_set_str(arena, object, "name", alias->name) &&
		value_set_str(arena, object, "accessor", alias->accessor) &&
		value_set(arena, object, "metadata",
			value_of_map(arena, &alias->metadata)) &&
		value_set_int(arena, object, "created_ns", alias->created_ns) &&
		value_set_int(arena, object, "updated_ns", alias->updated_ns);

	return ok ? object : NULL;
}

static struct value *
encode_aliases(struct arena *arena, const struct entity *entity)
{
	struct value *list = value_list(arena);

	for (size_t i = 0; i < entity->n_aliases; i++) {
		if (!value_add(list, encode_alias(arena, &entity->aliases[i])))
			return NULL;
	}
	return list;
}

static struct value *
encode_entity(struct arena *arena, const struct entity *entity)
{
	struct value *object = value_object(arena);
	bool ok = value_set_str(arena, object, "id", entity->id) &&
		value_set_str(arena, object, "name", entity->name) &&
		value_set_bool(arena, object, "disabled", entity->disabled) &&
		value_set(arena, object, "policies",
			value_of_list(arena, &entity->policies)) &&
		value_set(arena, object, "metadata",
			value_of_map(arena, &entity->metadata)) &&
		value_set(arena, object, "aliases",
			encode_aliases(arena, entity)) &&
		value_set(arena, object, "groups",
			value_of_list(arena, &entity->groups)) &&
		value_set_int(
			arena, object, "created_ns", entity->created_ns) &&
		value_set_int(arena, object, "updated_ns", entity->updated_ns);

	return ok ? object : NULL;
}

static bool
decode_alias(
	const struct value *object, struct arena *arena, struct alias *alias)
{
	alias->id = value_find_str(object, "id", "");
	alias->name = value_find_str(object, "name", "");
	alias->accessor = value_find_str(object, "accessor", "");
	alias->created_ns = value_find_int(object, "created_ns", 0);
	alias->updated_ns = value_find_int(object, "updated_ns", 0);
	return value_to_map(
		arena, value_find(object, "metadata"), &alias->metadata);
}

static bool
decode_aliases(
	const struct value *list, struct arena *arena, struct entity *entity)
{
	if (list == NULL || list->type != VALUE_LIST || list->n == 0)
		return true;
	entity->aliases = ARENA_ARRAY(arena, struct alias, list->n);
	if (entity->aliases == NULL)
		return false;
	VALUE_EACH (item, list) {
		if (!decode_alias(
			    item, arena, &entity->aliases[entity->n_aliases++]))
			return false;
	}
	return true;
}

int
entity_decode(const struct value *record, struct arena *arena,
	struct entity *ret_entity, struct err *err)
{
	struct entity entity = {
		.id = value_find_str(record, "id", ""),
		.name = value_find_str(record, "name", ""),
		/* What cannot be read is not let in. */
		.disabled = value_find_bool(record, "disabled", true),
		.created_ns = value_find_int(record, "created_ns", 0),
		.updated_ns = value_find_int(record, "updated_ns", 0),
	};
	bool ok = value_to_list(arena, value_find(record, "policies"),
			  &entity.policies) &&
		value_to_map(arena, value_find(record, "metadata"),
			&entity.metadata) &&
		value_to_list(
			arena, value_find(record, "groups"), &entity.groups) &&
		decode_aliases(value_find(record, "aliases"), arena, &entity);

	if (!ok)
		return err_set_memory(err);
	*ret_entity = entity;
	return 0;
}

/* ---- groups ----------------------------------------------------------- */

static struct value *
encode_group(struct arena *arena, const struct group *group)
{
	struct value *object = value_object(arena);
	bool ok = value_set_str(arena, object, "id", group->id) &&
		value_set_str(arena, object, "name", group->name) &&
		value_set_bool(arena, object, "external", group->external) &&
		value_set(arena, object, "policies",
			value_of_list(arena, &group->policies)) &&
		value_set(arena, object, "metadata",
			value_of_map(arena, &group->metadata)) &&
		value_set(arena, object, "entities",
			value_of_list(arena, &group->entities)) &&
		value_set(arena, object, "members",
			value_of_list(arena, &group->members)) &&
		value_set(arena, object, "parents",
			value_of_list(arena, &group->parents)) &&
		(group->alias == NULL ||
			value_set(arena, object, "alias",
				encode_alias(arena, group->alias))) &&
		value_set_int(arena, object, "created_ns", group->created_ns) &&
		value_set_int(arena, object, "updated_ns", group->updated_ns);

	return ok ? object : NULL;
}

static bool
decode_group_alias(
	const struct value *object, struct arena *arena, struct group *group)
{
	struct alias *alias;

	if (object == NULL)
		return true;
	alias = ARENA_NEW(arena, struct alias);
	group->alias = alias;
	return alias != NULL && decode_alias(object, arena, alias);
}

int
group_decode(const struct value *record, struct arena *arena,
	struct group *ret_group, struct err *err)
{
	struct group group = {
		.id = value_find_str(record, "id", ""),
		.name = value_find_str(record, "name", ""),
		.external = value_find_bool(record, "external", false),
		.created_ns = value_find_int(record, "created_ns", 0),
		.updated_ns = value_find_int(record, "updated_ns", 0),
	};
	bool ok = value_to_list(arena, value_find(record, "policies"),
			  &group.policies) &&
		value_to_map(arena, value_find(record, "metadata"),
			&group.metadata) &&
		value_to_list(arena, value_find(record, "entities"),
			&group.entities) &&
		value_to_list(
			arena, value_find(record, "members"), &group.members) &&
		value_to_list(
			arena, value_find(record, "parents"), &group.parents) &&
		decode_group_alias(value_find(record, "alias"), arena, &group);

	if (!ok)
		return err_set_memory(err);
	*ret_group = group;
	return 0;
}

/* ---- records ---------------------------------------------------------- */

static int
get_record(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *id, struct arena *arena, struct value **ret_record,
	struct err *err)
{
	const char *name = arena_printf(arena, "%s%s", prefix, id);

	return name == NULL ? err_set_memory(err)
			    : kv_get(tx, kv, name, arena, ret_record, err);
}

static int
put_record(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *id, const struct value *record, struct arena *arena,
	struct err *err)
{
	const char *name = arena_printf(arena, "%s%s", prefix, id);

	if (name == NULL || record == NULL)
		return err_set_memory(err);
	return kv_put(tx, kv, name, record, err);
}

static int
drop_record(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *id, struct arena *arena, struct err *err)
{
	const char *name = arena_printf(arena, "%s%s", prefix, id);

	return name == NULL ? err_set_memory(err)
			    : kv_delete(tx, kv, name, err);
}

int
entity_get(struct store_tx *tx, const struct kv *kv, const char *id,
	struct arena *arena, struct entity *ret_entity, struct err *err)
{
	struct value *record = NULL;
	int rc = get_record(tx, kv, IDENTITY_ENTITY, id, arena, &record, err);

	return rc != 0 ? rc : entity_decode(record, arena, ret_entity, err);
}

int
entity_put(struct store_tx *tx, const struct kv *kv,
	const struct entity *entity, struct arena *arena, struct err *err)
{
	return put_record(tx, kv, IDENTITY_ENTITY, entity->id,
		encode_entity(arena, entity), arena, err);
}

int
group_get(struct store_tx *tx, const struct kv *kv, const char *id,
	struct arena *arena, struct group *ret_group, struct err *err)
{
	struct value *record = NULL;
	int rc = get_record(tx, kv, IDENTITY_GROUP, id, arena, &record, err);

	return rc != 0 ? rc : group_decode(record, arena, ret_group, err);
}

int
group_put(struct store_tx *tx, const struct kv *kv, const struct group *group,
	struct arena *arena, struct err *err)
{
	return put_record(tx, kv, IDENTITY_GROUP, group->id,
		encode_group(arena, group), arena, err);
}

/* ---- what leads to them ------------------------------------------------ */

/* A record of one text. */
static int
put_link(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *name, const char *id, struct arena *arena, struct err *err)
{
	struct value *record = value_object(arena);

	if (!value_set_str(arena, record, "id", id))
		return err_set_memory(err);
	return put_record(tx, kv, prefix, name, record, arena, err);
}

static int
get_link(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *name, struct arena *arena, const char **ret_id,
	struct err *err)
{
	struct value *record = NULL;
	int rc = get_record(tx, kv, prefix, name, arena, &record, err);

	if (rc == 0)
		*ret_id = value_find_str(record, "id", "");
	return rc;
}

int
identity_find_name(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *name, struct arena *arena, const char **ret_id,
	struct err *err)
{
	const char *lower = arena_strlower(arena, name);

	return lower == NULL
		? err_set_memory(err)
		: get_link(tx, kv, prefix, lower, arena, ret_id, err);
}

int
identity_put_name(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *name, const char *id, struct arena *arena, struct err *err)
{
	const char *lower = arena_strlower(arena, name);
	struct value *record = value_object(arena);

	if (lower == NULL || !value_set_str(arena, record, "id", id) ||
		!value_set_str(arena, record, "name", name))
		return err_set_memory(err);
	return put_record(tx, kv, prefix, lower, record, arena, err);
}

int
identity_drop_name(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *name, struct arena *arena, struct err *err)
{
	const char *lower = arena_strlower(arena, name);

	return lower == NULL ? err_set_memory(err)
			     : drop_record(tx, kv, prefix, lower, arena, err);
}

int
identity_find_alias(struct store_tx *tx, const struct kv *kv,
	const char *alias_id, struct arena *arena, const char **ret_entity,
	struct err *err)
{
	return get_link(
		tx, kv, IDENTITY_ALIAS, alias_id, arena, ret_entity, err);
}

/* "<accessor>/<hash of name>": names are of any bytes and any length. */
static const char *
login_key(struct arena *arena, const char *accessor, const char *name)
{
	uint8_t hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	sha256(span_str(name), hash);
	hex_encode(hash, sizeof(hash), hex);
	return arena_printf(arena, "%s/%s", accessor, hex);
}

static int
get_login(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *accessor, const char *name, struct arena *arena,
	const char **ret_id, struct err *err)
{
	const char *key = login_key(arena, accessor, name);

	return key == NULL ? err_set_memory(err)
			   : get_link(tx, kv, prefix, key, arena, ret_id, err);
}

/* Where the two index records of an alias are. */
struct places {
	const char *by_id, *by_login;
};

static const struct places of_entities = { IDENTITY_ALIAS, IDENTITY_LOGIN };
static const struct places of_groups = { IDENTITY_GROUP_ALIAS,
	IDENTITY_GROUP_LOGIN };

static int
put_alias(struct store_tx *tx, const struct kv *kv, const struct places *places,
	const struct alias *alias, const char *owner, struct arena *arena,
	struct err *err)
{
	const char *key = login_key(arena, alias->accessor, alias->name);
	int rc;

	if (key == NULL)
		return err_set_memory(err);
	rc = put_link(tx, kv, places->by_id, alias->id, owner, arena, err);
	return rc != 0
		? rc
		: put_link(tx, kv, places->by_login, key, owner, arena, err);
}

static int
drop_alias(struct store_tx *tx, const struct kv *kv,
	const struct places *places, const struct alias *alias,
	struct arena *arena, struct err *err)
{
	const char *key = login_key(arena, alias->accessor, alias->name);
	int rc;

	if (key == NULL)
		return err_set_memory(err);
	rc = drop_record(tx, kv, places->by_id, alias->id, arena, err);
	return rc != 0 ? rc
		       : drop_record(tx, kv, places->by_login, key, arena, err);
}

int
identity_find_login(struct store_tx *tx, const struct kv *kv,
	const char *accessor, const char *name, struct arena *arena,
	const char **ret_entity, struct err *err)
{
	return get_login(
		tx, kv, IDENTITY_LOGIN, accessor, name, arena, ret_entity, err);
}

int
identity_find_group_login(struct store_tx *tx, const struct kv *kv,
	const char *accessor, const char *name, struct arena *arena,
	const char **ret_group, struct err *err)
{
	return get_login(tx, kv, IDENTITY_GROUP_LOGIN, accessor, name, arena,
		ret_group, err);
}

int
identity_find_group_alias(struct store_tx *tx, const struct kv *kv,
	const char *alias_id, struct arena *arena, const char **ret_group,
	struct err *err)
{
	return get_link(
		tx, kv, IDENTITY_GROUP_ALIAS, alias_id, arena, ret_group, err);
}

int
identity_add_alias(struct store_tx *tx, const struct kv *kv,
	struct entity *entity, const struct alias *alias, struct arena *arena,
	struct err *err)
{
	struct alias *aliases =
		ARENA_ARRAY(arena, struct alias, entity->n_aliases + 1);
	int rc;

	if (aliases == NULL)
		return err_set_memory(err);
	if (entity->n_aliases >= IDENTITY_ALIASES_MAX)
		return err_set(err, ERR_LIMIT, 400,
			"an entity has at most %d aliases",
			IDENTITY_ALIASES_MAX);
	if (entity->n_aliases > 0)
		memcpy(aliases, entity->aliases,
			entity->n_aliases * sizeof(*aliases));
	aliases[entity->n_aliases] = *alias;
	rc = put_alias(tx, kv, &of_entities, alias, entity->id, arena, err);
	if (rc != 0)
		return rc;
	entity->aliases = aliases;
	entity->n_aliases++;
	return 0;
}

int
identity_drop_alias(struct store_tx *tx, const struct kv *kv,
	const struct alias *alias, struct arena *arena, struct err *err)
{
	return drop_alias(tx, kv, &of_entities, alias, arena, err);
}

int
identity_put_group_alias(struct store_tx *tx, const struct kv *kv,
	const struct group *group, struct arena *arena, struct err *err)
{
	return put_alias(
		tx, kv, &of_groups, group->alias, group->id, arena, err);
}

int
identity_drop_group_alias(struct store_tx *tx, const struct kv *kv,
	const struct group *group, struct arena *arena, struct err *err)
{
	return drop_alias(tx, kv, &of_groups, group->alias, arena, err);
}
