/* What of approle no caller of the API sees: rows, and records that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/auth/auth.h"
#include "server/auth/login.h"
#include "server/sys/sys.h"
#include "tests/support/api_steps.h"

#define MOUNT "auth/approle/"

static struct api_fixture *fixture;
static struct api_reply reply;

static int
setup(void **state)
{
	static const struct mount_type *const types[] = { &sys_mount_type,
		&token_mount_type, &approle_mount_type, NULL };

	(void)state;
	fixture = api_fixture_new(types);
	if (fixture == NULL)
		return 1;
	api_call(fixture, OP_UPDATE, "sys/auth/approle",
		"{\"type\":\"approle\"}", &reply);
	return reply.status != 204;
}

static int
teardown(void **state)
{
	(void)state;
	api_fixture_free(&fixture);
	return 0;
}

static void
call(enum op_verb verb, const char *path, int status)
{
	api_call(fixture, verb, path, "{}", &reply);
	assert_int_equal(reply.status, status);
}

/* What closures need of the mount: none of them may take its lock. */
static char uuid[37];
static struct kv space;

static void
find_mount(void)
{
	struct mount *mount = mounts_find(fixture->server->mounts, MOUNT);

	assert_non_null(mount);
	memcpy(uuid, mount->uuid, sizeof(uuid));
	space = mount->kv;
	mount_unref(fixture->server->mounts, &mount);
}

static int
count_row(void *ctx, const struct lease *lease, struct err *err)
{
	size_t *n = ctx;

	(void)err;
	if (lease->kind == LEASE_SECRET_ID)
		(*n)++;
	return 0;
}

struct counting {
	uint32_t paths[8];
	size_t n_paths, n_rows;
};

static int
note_path(void *ctx, uint32_t number, const char *path, struct err *err)
{
	struct counting *counting = ctx;

	(void)path;
	(void)err;
	counting->paths[counting->n_paths++] = number;
	return 0;
}

static int
count_in(struct store_tx *tx, void *ctx, struct err *err)
{
	struct counting *counting = ctx;
	int rc = lease_paths(tx, uuid, LEASE_PRIVATE, fixture->arena, note_path,
		counting, err);

	for (size_t i = 0; rc == 0 && i < counting->n_paths; i++)
		rc = lease_rows(tx, counting->paths[i], 0, 0, fixture->arena,
			count_row, &counting->n_rows, err);
	return rc;
}

/* Rows of secret ids of the mount. */
static size_t
count_rows(void)
{
	struct counting counting = { .n_rows = 0 };
	struct err err = { 0 };

	find_mount();
	assert_int_equal(
		store_read(fixture->server->store, count_in, &counting, &err),
		0);
	return counting.n_rows;
}

static int
drop_role(struct store_tx *tx, void *ctx, struct err *err)
{
	return kv_delete(tx, &space, ctx, err);
}

static void
a_deleted_roles_rows_go_with_it(void **state)
{
	(void)state;
	call(OP_UPDATE, MOUNT "role/ci", 204);
	call(OP_UPDATE, MOUNT "role/cd", 204);
	for (int i = 0; i < 3; i++)
		call(OP_UPDATE, MOUNT "role/ci/secret-id", 200);
	call(OP_UPDATE, MOUNT "role/cd/secret-id", 200);
	assert_int_equal(count_rows(), 4);
	call(OP_DELETE, MOUNT "role/ci", 204);
	assert_int_equal(count_rows(), 1);
}

/* Each field as long as it may be. */
static void
add_blocks(struct buf *body, const char *name)
{
	(void)buf_addf(body, "\"%s\":\"2001:db8::/127", name);
	for (unsigned i = 0; i < 379; i++)
		(void)buf_addf(body,
			",2001:db8:1000:1000:1000:1000:1000:%x/127",
			0x1000 + 2 * i);
	(void)buf_add_str(body, "\",");
}

static void
the_largest_secret_id_is_taken(void **state)
{
	struct buf body;

	(void)state;
	call(OP_UPDATE, MOUNT "role/ci", 204);
	buf_init(&body, 65536);
	(void)buf_add_str(&body, "{");
	add_blocks(&body, "cidr_list");
	add_blocks(&body, "token_bound_cidrs");
	(void)buf_addf(&body, "\"metadata\":{\"a\":\"%016000d\"}}", 0);
	api_call(fixture, OP_UPDATE, MOUNT "role/ci/secret-id", buf_str(&body),
		&reply);
	buf_clear(&body);
	assert_int_equal(reply.status, 200);
}

/* As if the server had been stopped between the record and the rows. */
static void
a_tidy_takes_rows_without_a_role_and_no_others(void **state)
{
	char name[] = "role/ci";
	struct err err = { 0 };

	(void)state;
	call(OP_UPDATE, MOUNT "role/ci", 204);
	call(OP_UPDATE, MOUNT "role/cd", 204);
	call(OP_UPDATE, MOUNT "role/ci/secret-id", 200);
	call(OP_UPDATE, MOUNT "role/cd/secret-id", 200);
	find_mount();
	assert_int_equal(
		store_write(fixture->server->store, drop_role, name, &err), 0);
	assert_int_equal(count_rows(), 2);
	call(OP_UPDATE, MOUNT "tidy/secret-id", 202);
	assert_int_equal(count_rows(), 1);
	call(OP_LIST, MOUNT "role/cd/secret-id", 200);
}

static void
rows_go_with_the_mount(void **state)
{
	struct counting counting = { .n_rows = 0 };
	struct err err = { 0 };

	(void)state;
	call(OP_UPDATE, MOUNT "role/ci", 204);
	call(OP_UPDATE, MOUNT "role/ci/secret-id", 200);
	assert_int_equal(count_rows(), 1);
	call(OP_DELETE, "sys/auth/approle", 204);
	api_call(fixture, OP_UPDATE, "sys/auth/approle",
		"{\"type\":\"approle\"}", &reply);
	assert_int_equal(reply.status, 204);
	/* Path numbers are for ever: those of the former mount are looked at.
	 */
	for (uint32_t path = 1; path < ARRAY_LEN(counting.paths); path++)
		counting.paths[counting.n_paths++] = path;
	find_mount();
	assert_int_equal(
		store_read(fixture->server->store, count_in, &counting, &err),
		0);
	assert_int_equal(counting.n_rows, 0);
}

struct checking {
	struct login_record by;
	int status;
};

static int
check_record(struct store_tx *tx, void *ctx, struct err *err)
{
	struct checking *checking = ctx;
	int rc = login_record_check(tx, &checking->by, fixture->arena, err);

	checking->status = rc == 0 ? 0 : err->status;
	return 0;
}

static int
read_record(struct store_tx *tx, void *ctx, struct err *err)
{
	struct login_record *by = ctx;

	return tx_get(tx, span_str(by->key), fixture->arena, &by->seen, err);
}

static int
check(struct checking *checking)
{
	struct err err = { 0 };

	assert_int_equal(store_write(fixture->server->store, check_record,
				 checking, &err),
		0);
	return checking->status;
}

static void
a_login_stands_while_its_record_does(void **state)
{
	struct checking checking = { .status = 0 };
	struct err err = { 0 };
	char key[KV_KEY_MAX];

	(void)state;
	find_mount();
	assert_int_equal(kv_key(&space, "role/ci", key, &err), 0);
	checking.by.key = key;
	call(OP_UPDATE, MOUNT "role/ci", 204);
	assert_int_equal(store_read(fixture->server->store, read_record,
				 &checking.by, &err),
		0);
	assert_int_equal(check(&checking), 0);
	/* The same again is no change. */
	call(OP_UPDATE, MOUNT "role/ci", 204);
	assert_int_equal(check(&checking), 0);
	api_call(fixture, OP_UPDATE, MOUNT "role/ci", "{\"token_ttl\":5}",
		&reply);
	assert_int_equal(check(&checking), 503);
	call(OP_DELETE, MOUNT "role/ci", 204);
	assert_int_equal(check(&checking), 503);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_deleted_roles_rows_go_with_it),
		CASE(the_largest_secret_id_is_taken),
		CASE(a_tidy_takes_rows_without_a_role_and_no_others),
		CASE(rows_go_with_the_mount),
		CASE(a_login_stands_while_its_record_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
