/* Groups and entities at their largest fit into a request's memory. */
#include <stdlib.h>

#include "lib/random.h"
#include "server/core/identity.h"
#include "tests/unit/sys/sys_fixture.h"

#define ACCESSOR "auth_jwt_00000001"
#define GROUPS 60 /* together larger than the memory of a request */

static struct identity_login who = { .accessor = ACCESSOR, .name = "bob" };

/* What a closure writes, and whose. */
struct filling {
	char groups[GROUPS][RANDOM_UUID_MAX];
	char entities[IDENTITY_LOGINS_MAX][RANDOM_UUID_MAX];
	size_t from, to; /* of entities */
	char entity[RANDOM_UUID_MAX];
	const char *found;
};

static struct filling *filling;
static char long_text[512]; /* of an entity's metadata */

static const struct kv *
space(void)
{
	return &fixture->server->system;
}

/* Run a closure whose memory is that of a request. */
static int
write_with(store_fn *fn)
{
	struct err err = { 0 };
	int rc = store_write(fixture->server->store, fn, filling, &err);

	if (rc != 0)
		print_message("%s\n", err.message);
	return rc;
}

static int
put_entities(struct store_tx *tx, void *ctx, struct err *err)
{
	struct filling *fill = ctx;
	const char *group[] = { fill->groups[0] };
	const char *keys[] = { "mail", "office", "team" };
	const char *values[] = { long_text, long_text, long_text };
	struct arena *arena = arena_new(REQ_ARENA_MAX);
	int rc = 0;

	for (size_t i = fill->from; rc == 0 && i < fill->to; i++) {
		const struct entity entity = { .id = fill->entities[i],
			.name = fill->entities[i],
			.metadata = { keys, values, ARRAY_LEN(keys) },
			.groups = { group, 1 } };

		rc = entity_put(tx, space(), &entity, arena, err);
	}
	arena_free(&arena);
	return rc;
}

/* A full external group under an alias of its own. */
static int
put_group(struct store_tx *tx, struct filling *fill, size_t n, struct err *err)
{
	struct arena *arena = arena_new(REQ_ARENA_MAX);
	const struct alias alias = { .id = fill->groups[n],
		.name = fill->groups[n],
		.accessor = ACCESSOR };
	struct group group = { .id = fill->groups[n],
		.name = fill->groups[n],
		.external = true,
		.alias = &alias };
	int rc;

	group.entities.items =
		ARENA_ARRAY(arena, const char *, IDENTITY_LOGINS_MAX);
	for (size_t i = 0; i < IDENTITY_LOGINS_MAX; i++)
		group.entities.items[i] = fill->entities[i];
	group.entities.items[0] = fill->entity;
	group.entities.n = IDENTITY_LOGINS_MAX;
	rc = identity_put_group_alias(tx, space(), &group, arena, err);
	if (rc == 0)
		rc = group_put(tx, space(), &group, arena, err);
	arena_free(&arena);
	return rc;
}

/* Somebody who is in all of them by earlier logins. */
static int
put_groups(struct store_tx *tx, void *ctx, struct err *err)
{
	struct filling *fill = ctx;
	struct arena *arena = arena_new(REQ_ARENA_MAX);
	struct entity entity;
	const char *ids[GROUPS], *id = NULL;
	int rc = identity_login(tx, space(), &who, arena, &id, err);

	if (rc == 0)
		rc = entity_get(tx, space(), id, arena, &entity, err);
	assert_int_equal(rc, 0);
	memcpy(fill->entity, id, sizeof(fill->entity));
	for (size_t n = 0; rc == 0 && n < GROUPS; n++) {
		ids[n] = fill->groups[n];
		rc = put_group(tx, fill, n, err);
	}
	entity.groups = (struct str_list){ ids, GROUPS };
	if (rc == 0)
		rc = entity_put(tx, space(), &entity, arena, err);
	arena_free(&arena);
	return rc;
}

static int
setup_groups(void **state)
{
	if (setup(state) != 0)
		return 1;
	filling = calloc(1, sizeof(*filling));
	if (filling == NULL)
		return 1;
	for (size_t n = 0; n < GROUPS; n++)
		random_uuid(filling->groups[n]);
	for (size_t i = 0; i < IDENTITY_LOGINS_MAX; i++)
		random_uuid(filling->entities[i]);
	memset(long_text, 'x', sizeof(long_text) - 1);
	who.groups.n = 0;
	identity_login_draw(&who);
	return write_with(put_groups);
}

static int
teardown_groups(void **state)
{
	free(filling);
	return teardown(state);
}

#define LARGE(name)                                                            \
	cmocka_unit_test_setup_teardown(name, setup_groups, teardown_groups)

static int
log_in(struct store_tx *tx, void *ctx, struct err *err)
{
	struct filling *fill = ctx;
	struct arena *arena = arena_new(REQ_ARENA_MAX);
	int rc = identity_login(tx, space(), &who, arena, &fill->found, err);

	arena_free(&arena);
	return rc;
}

static void
a_login_may_stay_in_many_full_groups_or_leave_them(void **state)
{
	const char *names[GROUPS];

	(void)state;
	for (size_t n = 0; n < GROUPS; n++)
		names[n] = filling->groups[n];
	who.groups = (struct str_list){ names, GROUPS };
	assert_int_equal(write_with(log_in), 0);
	who.groups.n = 0;
	assert_int_equal(write_with(log_in), 0);
	api_call(fixture, OP_READ, "identity/entity/name/nobody", NULL, &reply);
	assert_int_equal(reply.status, 404);
}

static void
many_full_groups_are_listed_and_read(void **state)
{
	char path[128];

	(void)state;
	api_call(fixture, OP_LIST, "identity/group/id", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find(reply.data, "keys")->n, GROUPS);
	api_call(fixture, OP_LIST, "identity/group-alias/id", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find(reply.data, "keys")->n, GROUPS);
	(void)snprintf(
		path, sizeof(path), "identity/entity/id/%s", filling->entity);
	api_call(fixture, OP_READ, path, NULL, &reply);
	assert_int_equal(reply.status, 200);
}

static void
a_full_group_can_be_deleted(void **state)
{
	char path[128];

	(void)state;
	for (size_t i = 1; i < IDENTITY_LOGINS_MAX; i = filling->to) {
		filling->from = i;
		filling->to = i + 1000 < IDENTITY_LOGINS_MAX
			? i + 1000
			: IDENTITY_LOGINS_MAX;
		assert_int_equal(write_with(put_entities), 0);
	}
	(void)snprintf(path, sizeof(path), "identity/group-alias/id/%s",
		filling->groups[0]);
	api_call(fixture, OP_DELETE, path, NULL, &reply);
	assert_int_equal(reply.status, 204);
}

/* More are refused at the write, not at each request of its members. */
static void
a_member_is_in_no_more_groups_than_count(void **state)
{
	static const char *const kinds[] = { "entity", "group" };
	char path[64], body[128];

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		char id[RANDOM_UUID_MAX];

		(void)snprintf(path, sizeof(path), "identity/%s", kinds[k]);
		api_call(fixture, OP_UPDATE, path, "{\"name\":\"member\"}",
			&reply);
		assert_int_equal(reply.status, 200);
		(void)snprintf(id, sizeof(id), "%s",
			value_find_str(reply.data, "id", ""));
		for (int i = 0; i <= IDENTITY_WALK_MAX; i++) {
			(void)snprintf(path, sizeof(path),
				"identity/group/name/%s-%d", kinds[k], i);
			(void)snprintf(body, sizeof(body),
				"{\"member_%s_ids\":[\"%s\"]}", kinds[k], id);
			api_call(fixture, OP_UPDATE, path, body, &reply);
			assert_int_equal(reply.status,
				i < IDENTITY_WALK_MAX ? 200 : 400);
		}
		assert_string_equal(api_error(&reply),
			"a member can be in at most 512 groups");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LARGE(a_login_may_stay_in_many_full_groups_or_leave_them),
		LARGE(many_full_groups_are_listed_and_read),
		LARGE(a_full_group_can_be_deleted),
		MOUNTED(a_member_is_in_no_more_groups_than_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
