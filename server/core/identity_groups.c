/* External groups: who is in them is what logins tell (core-api 6.6, 6.7). */
#include <string.h>

#include "server/core/identity.h"

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

/* Whether it is this mount that says who is in the group. */
static bool
is_told_by(const struct group *group, const char *accessor)
{
	return group->external && group->alias != NULL &&
		strcmp(group->alias->accessor, accessor) == 0;
}

/* Out of the groups of this mount that the login does not name. */
static int
leave_others(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, const struct str_list *named,
	struct entity *entity, struct arena *arena, struct err *err)
{
	struct str_list stays = { .items = ARENA_ARRAY(arena, const char *,
					  entity->groups.n + 1) };
	struct group group;

	if (stays.items == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < entity->groups.n; i++) {
		const char *id = entity->groups.items[i];
		int rc = group_get(tx, kv, id, arena, &group, err);

		if (rc != 0)
			return rc;
		if (!is_told_by(&group, login->accessor) ||
			str_list_has(named, id)) {
			stays.items[stays.n++] = id;
			continue;
		}
		str_list_drop(&group.entities, entity->id);
		rc = group_put(tx, kv, &group, arena, err);
		if (rc != 0)
			return rc;
	}
	entity->groups = stays;
	return 0;
}

static int
join(struct store_tx *tx, const struct kv *kv, const char *id,
	struct entity *entity, struct arena *arena, struct err *err)
{
	struct group group;
	int rc = group_get(tx, kv, id, arena, &group, err);

	if (rc != 0)
		return rc;
	if (group.entities.n >= IDENTITY_LOGINS_MAX)
		return err_set(err, ERR_LIMIT, 400,
			"the group \"%.64s\" is full: it has %d members",
			group.name, IDENTITY_LOGINS_MAX);
	if (entity->groups.n >= IDENTITY_WALK_MAX)
		return err_set(err, ERR_LIMIT, 400,
			"an entity can be in at most %d groups",
			IDENTITY_WALK_MAX);
	if (!str_list_add(arena, &group.entities, entity->id) ||
		!str_list_add(arena, &entity->groups, group.id))
		return err_set_memory(err);
	return group_put(tx, kv, &group, arena, err);
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
