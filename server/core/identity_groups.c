/*
 * Who is in which group. External groups: who is in them is what logins tell
 * (core-api 6.6, 6.7).
 */
#include <string.h>

#include "server/core/identity.h"

/* ---- membership ------------------------------------------------------- */

/* ids is a list of the groups that somebody is in. */
static int
change_list(struct arena *arena, struct str_list *ids, const char *group_id,
	bool joins, struct err *err)
{
	if (!joins) {
		str_list_drop(ids, group_id);
		return 0;
	}
	if (ids->n >= IDENTITY_WALK_MAX)
		return err_set(err, ERR_LIMIT, 400,
			"a member can be in at most %d groups",
			IDENTITY_WALK_MAX);
	return str_list_add(arena, ids, group_id) ? 0 : err_set_memory(err);
}

int
identity_link_entity(struct store_tx *tx, const struct kv *kv,
	const char *entity_id, const char *group_id, bool joins,
	struct err *err)
{
	struct arena *arena = arena_new(IDENTITY_RECORD_MEMORY);
	struct entity entity;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = entity_get(tx, kv, entity_id, arena, &entity, err);
	if (rc == 0)
		rc = change_list(arena, &entity.groups, group_id, joins, err);
	if (rc == 0)
		rc = entity_put(tx, kv, &entity, arena, err);
	arena_free(&arena);
	return rc;
}

int
identity_link_group(struct store_tx *tx, const struct kv *kv,
	const char *member_id, const char *group_id, bool joins,
	struct err *err)
{
	struct arena *arena = arena_new(IDENTITY_RECORD_MEMORY);
	struct group group;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = group_get(tx, kv, member_id, arena, &group, err);
	if (rc == 0)
		rc = change_list(arena, &group.parents, group_id, joins, err);
	if (rc == 0)
		rc = group_put(tx, kv, &group, arena, err);
	arena_free(&arena);
	return rc;
}

int
identity_drop_member(struct store_tx *tx, const struct kv *kv,
	const char *group_id, const char *member_id, struct err *err)
{
	struct arena *arena = arena_new(IDENTITY_RECORD_MEMORY);
	struct group group;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = group_get(tx, kv, group_id, arena, &group, err);
	if (rc == 0) {
		str_list_drop(&group.entities, member_id);
		str_list_drop(&group.members, member_id);
		rc = group_put(tx, kv, &group, arena, err);
	}
	arena_free(&arena);
	return rc;
}

/* ---- logins ----------------------------------------------------------- */

/* The groups that the login names and somebody made an alias for: their ids. */
static int
find_named(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, struct arena *arena,
	struct str_list *ret_ids, struct err *err)
{
	struct str_list ids = { .n = 0 };

	for (size_t i = 0; i < login->groups.n; i++) {
		const char *id = NULL;
		int rc = identity_find_group_login(tx, kv, login->accessor,
			login->groups.items[i], arena, &id, err);

		if (rc == ERR_ABSENT) {
			err_clear(err);
			continue;
		}
		if (rc != 0)
			return rc;
		if (!str_list_add(arena, &ids, id))
			return err_set_memory(err);
	}
	*ret_ids = ids;
	return 0;
}

/* Out of the group's record, if it is this mount that says who is in it. */
static int
leave(struct store_tx *tx, const struct kv *kv, const char *group_id,
	const char *entity_id, const char *accessor, bool *ret_left,
	struct err *err)
{
	struct arena *arena = arena_new(IDENTITY_RECORD_MEMORY);
	struct group group;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = group_get(tx, kv, group_id, arena, &group, err);
	*ret_left = rc == 0 && group.external && group.alias != NULL &&
		strcmp(group.alias->accessor, accessor) == 0;
	if (*ret_left) {
		str_list_drop(&group.entities, entity_id);
		rc = group_put(tx, kv, &group, arena, err);
	}
	arena_free(&arena);
	return rc;
}

/* Out of the groups of this mount that the login does not name. */
static int
leave_others(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, const struct str_list *named,
	struct entity *entity, struct arena *arena, struct err *err)
{
	struct str_list stays = { .items = ARENA_ARRAY(arena, const char *,
					  entity->groups.n + 1) };

	if (stays.items == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < entity->groups.n; i++) {
		const char *id = entity->groups.items[i];
		bool left = false;
		int rc = str_list_has(named, id)
			? 0
			: leave(tx, kv, id, entity->id, login->accessor, &left,
				  err);

		if (rc != 0)
			return rc;
		if (!left)
			stays.items[stays.n++] = id;
	}
	entity->groups = stays;
	return 0;
}

/* An entity's id into the group's record. */
static int
add_member(struct store_tx *tx, const struct kv *kv, const char *group_id,
	const char *entity_id, struct arena *arena, struct err *err)
{
	struct group group;
	int rc = group_get(tx, kv, group_id, arena, &group, err);

	if (rc != 0)
		return rc;
	if (group.entities.n >= IDENTITY_LOGINS_MAX)
		return err_set(err, ERR_LIMIT, 400,
			"the group \"%.64s\" is full: it has %d members",
			group.name, IDENTITY_LOGINS_MAX);
	if (!str_list_add(arena, &group.entities, entity_id))
		return err_set_memory(err);
	return group_put(tx, kv, &group, arena, err);
}

static int
join(struct store_tx *tx, const struct kv *kv, const char *id,
	struct entity *entity, struct arena *arena, struct err *err)
{
	struct arena *scratch = arena_new(IDENTITY_RECORD_MEMORY);
	int rc;

	if (scratch == NULL)
		return err_set_memory(err);
	rc = change_list(arena, &entity->groups, id, true, err);
	if (rc == 0)
		rc = add_member(tx, kv, id, entity->id, scratch, err);
	arena_free(&scratch);
	return rc;
}

int
identity_join_groups(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, struct entity *entity,
	struct arena *arena, bool *ret_moved, struct err *err)
{
	const size_t before = entity->groups.n;
	struct str_list named = { .n = 0 };
	bool moved = false;
	int rc = find_named(tx, kv, login, arena, &named, err);

	if (rc == 0 && before > 0)
		rc = leave_others(tx, kv, login, &named, entity, arena, err);
	moved = entity->groups.n != before;
	for (size_t i = 0; rc == 0 && i < named.n; i++) {
		if (str_list_has(&entity->groups, named.items[i]))
			continue;
		moved = true;
		rc = join(tx, kv, named.items[i], entity, arena, err);
	}
	if (rc == 0)
		*ret_moved = moved;
	return rc;
}
