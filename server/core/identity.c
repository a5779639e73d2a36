/* From a login to its entity, and from a token's entity to its rights. */
#include "server/core/identity.h"

#include <string.h>

#include "lib/json.h"
#include "server/core/server.h"

#define RECORD_MEMORY_MAX (16 * (size_t)STORE_VALUE_MAX)

static int
deny(struct err *err)
{
	return err_set(err, ERR_DENIED, 403, "permission denied");
}

/* ---- logins ----------------------------------------------------------- */

void
identity_login_draw(struct identity_login *login)
{
	random_uuid(login->entity_id);
	random_uuid(login->alias_id);
}

/* "entity_" and 8 hex digits of the id; all of it where that name is taken. */
static int
choose_name(struct store_tx *tx, const struct kv *kv, struct entity *entity,
	struct arena *arena, struct err *err)
{
	const char *taken = NULL;
	int rc;

	entity->name = arena_printf(arena, "entity_%.8s", entity->id);
	if (entity->name == NULL)
		return err_set_memory(err);
	rc = identity_find_name(
		tx, kv, IDENTITY_ENTITY_NAME, entity->name, arena, &taken, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc != 0)
		return rc;
	entity->name = arena_printf(arena, "entity_%s", entity->id);
	return entity->name != NULL ? 0 : err_set_memory(err);
}

/* Its record is put by the caller. */
static int
make_entity(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, struct arena *arena,
	struct entity *entity, struct err *err)
{
	const struct alias alias = {
		.id = login->alias_id,
		.name = login->name,
		.accessor = login->accessor,
		.metadata = login->metadata,
		.created_ns = tx_now_ns(tx),
		.updated_ns = tx_now_ns(tx),
	};
	int rc;

	*entity = (struct entity){
		.id = login->entity_id,
		.created_ns = tx_now_ns(tx),
		.updated_ns = tx_now_ns(tx),
	};
	rc = choose_name(tx, kv, entity, arena, err);
	if (rc == 0)
		rc = identity_add_alias(tx, kv, entity, &alias, arena, err);
	return rc != 0 ? rc
		       : identity_put_name(tx, kv, IDENTITY_ENTITY_NAME,
				 entity->name, entity->id, arena, err);
}

static bool
same_map(const struct str_map *a, const struct str_map *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->keys[i], b->keys[i]) != 0 ||
			strcmp(a->values[i], b->values[i]) != 0)
			return false;
	}
	return true;
}

/* What the method says of the caller. True: that has changed. */
static bool
refresh_alias(const struct store_tx *tx, struct entity *entity,
	const struct identity_login *login)
{
	if (login->metadata.n == 0)
		return false;
	for (size_t i = 0; i < entity->n_aliases; i++) {
		struct alias *alias = &entity->aliases[i];

		if (strcmp(alias->accessor, login->accessor) != 0 ||
			strcmp(alias->name, login->name) != 0)
			continue;
		if (same_map(&alias->metadata, &login->metadata))
			return false;
		alias->metadata = login->metadata;
		alias->updated_ns = tx_now_ns(tx);
		return true;
	}
	return false;
}

/* The entity, made where there is none. True in *ret_changed: put it. */
static int
find_or_make(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, struct arena *arena,
	struct entity *entity, bool *ret_changed, struct err *err)
{
	const char *id = NULL;
	int rc = identity_find_login(
		tx, kv, login->accessor, login->name, arena, &id, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		*ret_changed = true;
		return make_entity(tx, kv, login, arena, entity, err);
	}
	if (rc == 0)
		rc = entity_get(tx, kv, id, arena, entity, err);
	if (rc == ERR_ABSENT || (rc == 0 && entity->disabled)) {
		err_clear(err);
		return deny(err);
	}
	if (rc == 0)
		*ret_changed = refresh_alias(tx, entity, login);
	return rc;
}

int
identity_login(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, struct arena *arena,
	const char **ret_entity_id, struct err *err)
{
	struct entity entity = { .id = NULL };
	bool changed = false, moved = false;
	int rc = find_or_make(tx, kv, login, arena, &entity, &changed, err);

	if (rc == 0)
		rc = identity_join_groups(
			tx, kv, login, &entity, arena, &moved, err);
	if (rc == 0 && (changed || moved))
		rc = entity_put(tx, kv, &entity, arena, err);
	if (rc == 0)
		*ret_entity_id = entity.id;
	return rc;
}

/* ---- records in the cache ---------------------------------------------- */

/* What hangs on a cached record; lies in its own arena. */
struct held {
	struct arena *arena;
	struct entity entity;
	struct group group;
};

typedef int decode_fn(const struct value *record, struct arena *arena,
	struct held *held, struct err *err);

static int
decode_entity(const struct value *record, struct arena *arena,
	struct held *held, struct err *err)
{
	return entity_decode(record, arena, &held->entity, err);
}

static int
decode_group(const struct value *record, struct arena *arena, struct held *held,
	struct err *err)
{
	return group_decode(record, arena, &held->group, err);
}

static int
compile(decode_fn *decode, struct span text, void **ret_object,
	size_t *ret_size, struct err *err)
{
	struct arena *arena = arena_new(RECORD_MEMORY_MAX);
	struct held *held = NULL;
	struct value *record = NULL;
	int rc;

	if (arena != NULL)
		held = ARENA_NEW(arena, struct held);
	rc = held == NULL
		? err_set_memory(err)
		: json_parse(text, &json_limits_trusted, arena, &record, err);
	if (rc == 0)
		rc = decode(record, arena, held, err);
	if (rc != 0) {
		arena_free(&arena);
		return rc;
	}
	held->arena = arena;
	*ret_object = held;
	*ret_size = arena_used(arena) > ARENA_CHUNK ? arena_used(arena)
						    : ARENA_CHUNK;
	return 0;
}

static int
compile_entity(UNUSED const void *ctx, UNUSED struct span key, struct span text,
	void **ret_object, size_t *ret_size, struct err *err)
{
	return compile(decode_entity, text, ret_object, ret_size, err);
}

static int
compile_group(UNUSED const void *ctx, UNUSED struct span key, struct span text,
	void **ret_object, size_t *ret_size, struct err *err)
{
	return compile(decode_group, text, ret_object, ret_size, err);
}

static void
free_held(void *object)
{
	struct arena *arena = ((struct held *)object)->arena;

	arena_free(&arena);
}

static const struct compiled_type entity_type = {
	.name = "entity",
	.compile = compile_entity,
	.free = free_held,
};
static const struct compiled_type group_type = {
	.name = "group",
	.compile = compile_group,
	.free = free_held,
};

/* ---- requests --------------------------------------------------------- */

/* The record of prefix and id; its reference is identity's. ERR_ABSENT. */
static int
hold(struct server *server, const char *prefix, const char *id,
	const struct compiled_type *type, struct identity *identity,
	const struct held **ret_held, struct err *err)
{
	const char *const parts[] = { server->system.prefix, prefix, id };
	char key[KV_KEY_MAX];
	struct compiled *ref = NULL;
	int rc;

	/* An id too long to be stored is nobody's. */
	if (!str_join(key, sizeof(key), parts, ARRAY_LEN(parts)))
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	rc = store_compiled(server->store, span_str(key), type, &ref, err);
	if (rc != 0)
		return rc;
	identity->refs[identity->n_refs++] = ref;
	*ret_held = compiled_object(ref);
	return 0;
}

static bool
knows_group(const struct identity *identity, const char *id)
{
	for (size_t i = 0; i < identity->n_groups; i++) {
		if (strcmp(identity->groups[i]->id, id) == 0)
			return true;
	}
	return false;
}

static int
add_groups(struct server *server, const struct str_list *ids,
	struct identity *identity, struct err *err)
{
	const struct held *held = NULL;

	for (size_t i = 0; i < ids->n; i++) {
		int rc;

		if (knows_group(identity, ids->items[i]))
			continue;
		if (identity->n_groups == IDENTITY_WALK_MAX) {
			(void)deny(err);
			return err_wrap(err, "an entity is in too many groups");
		}
		rc = hold(server, IDENTITY_GROUP, ids->items[i], &group_type,
			identity, &held, err);
		/* It was deleted between the two reads. */
		if (rc == ERR_ABSENT)
			err_clear(err);
		else if (rc != 0)
			return rc;
		else
			identity->groups[identity->n_groups++] = &held->group;
	}
	return 0;
}

/* Groups of the entity, and groups of groups, nearest first. */
static int
walk_groups(struct server *server, struct arena *arena,
	struct identity *identity, struct err *err)
{
	struct compiled **refs =
		ARENA_ARRAY(arena, struct compiled *, IDENTITY_WALK_MAX + 1);
	int rc;

	identity->groups =
		ARENA_ARRAY(arena, const struct group *, IDENTITY_WALK_MAX);
	if (refs == NULL || identity->groups == NULL)
		return err_set_memory(err);
	refs[0] = identity->refs[0];
	identity->refs = refs;
	rc = add_groups(server, &identity->entity->groups, identity, err);
	identity->n_direct = identity->n_groups;
	for (size_t i = 0; rc == 0 && i < identity->n_groups; i++)
		rc = add_groups(
			server, &identity->groups[i]->parents, identity, err);
	return rc;
}

static void
add_policies(struct str_list *all, const struct str_list *more)
{
	for (size_t i = 0; i < more->n; i++)
		all->items[all->n++] = more->items[i];
}

/* All policies, sorted. Groups share the entity's list where none has any. */
static int
join_policies(struct arena *arena, struct identity *identity, struct err *err)
{
	struct str_list all = identity->entity->policies;
	size_t n = all.n;

	for (size_t i = 0; i < identity->n_groups; i++)
		n += identity->groups[i]->policies.n;
	if (n > all.n) {
		all = (struct str_list){ .items = ARENA_ARRAY(
						 arena, const char *, n) };
		if (all.items == NULL)
			return err_set_memory(err);
		add_policies(&all, &identity->entity->policies);
		for (size_t i = 0; i < identity->n_groups; i++)
			add_policies(&all, &identity->groups[i]->policies);
		str_list_sort(&all);
	}
	identity->policies = all;
	return 0;
}

static int
load(struct server *server, const char *entity_id, struct arena *arena,
	struct identity *identity, struct err *err)
{
	const struct held *held = NULL;
	int rc;

	identity->refs = ARENA_ARRAY(arena, struct compiled *, 1);
	if (identity->refs == NULL)
		return err_set_memory(err);
	rc = hold(server, IDENTITY_ENTITY, entity_id, &entity_type, identity,
		&held, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return deny(err);
	}
	if (rc != 0)
		return rc;
	identity->entity = &held->entity;
	if (identity->entity->disabled)
		return deny(err);
	if (identity->entity->groups.n > 0)
		rc = walk_groups(server, arena, identity, err);
	return rc != 0 ? rc : join_policies(arena, identity, err);
}

int
identity_load(struct server *server, const char *entity_id, struct arena *arena,
	struct identity *ret_identity, struct err *err)
{
	struct identity identity = { .entity = NULL };
	int rc = load(server, entity_id, arena, &identity, err);

	if (rc != 0)
		identity_clear(&identity);
	else
		*ret_identity = identity;
	return rc;
}

void
identity_clear(struct identity *identity)
{
	for (size_t i = 0; i < identity->n_refs; i++)
		compiled_unref(&identity->refs[i]);
	*identity = (struct identity){ .entity = NULL };
}
