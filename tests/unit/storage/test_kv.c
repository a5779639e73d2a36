/* A mount's configuration records. */
#include <stdio.h>
#include <string.h>

#include "storage/kv.h"
#include "tests/unit/storage/rows.h"

static int
write_text(struct rows *rows, const char *mount, const char *name,
	const char *text)
{
	struct kv kv = kv_of(mount);
	struct value *object = value_object(rows->arena);

	assert_true(value_set_str(rows->arena, object, "text", text));
	return kv_write(rows->store, &kv, name, object, rows_err(rows));
}

/* The record's text, or NULL. */
static const char *
read_text(struct rows *rows, const char *mount, const char *name)
{
	struct kv kv = kv_of(mount);
	struct value *object = NULL;
	int rc = kv_read(
		rows->store, &kv, name, rows->arena, &object, rows_err(rows));

	if (rc != 0) {
		assert_int_equal(rc, ERR_ABSENT);
		assert_int_equal(rows->err.status, 404);
		assert_string_equal(rows->err.message, "");
		return NULL;
	}
	return value_find_str(object, "text", "?");
}

static void
a_record_comes_back_in_its_own_mount(void **state)
{
	struct rows *rows = *state;

	assert_null(read_text(rows, MOUNT, "role/web"));
	assert_int_equal(write_text(rows, MOUNT, "role/web", "one"), 0);
	assert_string_equal(read_text(rows, MOUNT, "role/web"), "one");
	assert_null(read_text(rows, MOUNT_2, "role/web"));
	assert_null(read_text(rows, MOUNT, "role/Web"));
	assert_int_equal(write_text(rows, MOUNT, "role/web", "two"), 0);
	assert_string_equal(read_text(rows, MOUNT, "role/web"), "two");
}

static int
delete_role(struct store_tx *tx, UNUSED void *ctx, struct err *err)
{
	struct kv kv = kv_of(MOUNT);

	assert_true(kv_exists(tx, &kv, "role/web"));
	assert_false(kv_exists(tx, &kv, "role"));
	return kv_delete(tx, &kv, "role/web", err);
}

static void
a_deleted_record_is_absent(void **state)
{
	struct rows *rows = *state;

	assert_int_equal(write_text(rows, MOUNT, "role/web", "one"), 0);
	assert_int_equal(write_text(rows, MOUNT, "role/web2", "two"), 0);
	assert_int_equal(
		store_write(rows->store, delete_role, NULL, rows_err(rows)), 0);
	assert_null(read_text(rows, MOUNT, "role/web"));
	assert_string_equal(read_text(rows, MOUNT, "role/web2"), "two");
}

/* It came from a caller, who is told so. */
static void
a_record_that_is_too_large_is_refused(void **state)
{
	struct rows *rows = *state;
	struct arena *arena = arena_new(2 * STORE_VALUE_MAX);
	char *text = arena_alloc(arena, STORE_VALUE_MAX + 1, 1);
	const size_t around = strlen("{\"text\":\"\"}");

	memset(text, 'a', STORE_VALUE_MAX);
	assert_int_equal(write_text(rows, MOUNT, "a", text), ERR_LIMIT);
	assert_int_equal(rows->err.status, 400);
	assert_null(read_text(rows, MOUNT, "a"));
	text[STORE_VALUE_MAX - around] = '\0';
	assert_int_equal(write_text(rows, MOUNT, "a", text), 0);
	arena_free(&arena);
}

static void
a_name_that_is_too_long_is_refused(void **state)
{
	struct rows *rows = *state;
	char name[KV_KEY_MAX + 1];

	memset(name, 'a', KV_KEY_MAX);
	name[KV_KEY_MAX] = '\0';
	assert_int_equal(write_text(rows, MOUNT, name, "x"), ERR_LIMIT);
	assert_int_equal(rows->err.status, 400);
	name[KV_KEY_MAX - 42] = '\0';
	assert_int_equal(write_text(rows, MOUNT, name, "x"), 0);
	assert_string_equal(read_text(rows, MOUNT, name), "x");
}

struct scanning {
	struct rows *rows;
	const char *prefix, *after;
	size_t limit;
	char seen[256];
};

static int
see(void *ctx, const char *name, const struct value *value,
	UNUSED struct err *err)
{
	struct scanning *scanning = ctx;
	size_t len = strlen(scanning->seen);

	(void)snprintf(scanning->seen + len, sizeof(scanning->seen) - len,
		"%s=%s ", name, value_find_str(value, "text", "?"));
	return 0;
}

static int
scan(struct store_tx *tx, void *ctx, struct err *err)
{
	struct scanning *scanning = ctx;
	struct kv kv = kv_of(MOUNT);

	scanning->seen[0] = '\0';
	return kv_scan(tx, &kv, scanning->prefix, scanning->after,
		scanning->limit, scanning->rows->arena, see, scanning, err);
}

static void
scans_page_in_order_below_a_prefix(void **state)
{
	static const struct {
		const char *prefix, *after;
		size_t limit;
		const char *seen;
	} cases[] = {
		{ "role/", NULL, 0, "a=1 b=2 c/d=3 " },
		{ "role/", "", 2, "a=1 b=2 " },
		{ "role/", "b", 2, "c/d=3 " },
		{ "role/", "aa", 1, "b=2 " },
		{ "role/c", NULL, 0, "/d=3 " },
		{ "none/", NULL, 0, "" },
		{ "", NULL, 2, "config=0 role/a=1 " },
	};
	struct rows *rows = *state;

	write_text(rows, MOUNT, "role/c/d", "3");
	write_text(rows, MOUNT, "role/a", "1");
	write_text(rows, MOUNT, "role/b", "2");
	write_text(rows, MOUNT, "config", "0");
	write_text(rows, MOUNT, "roles", "4");
	write_text(rows, MOUNT_2, "role/a", "x");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scanning scanning = { rows, cases[i].prefix,
			cases[i].after, cases[i].limit, "" };

		assert_int_equal(store_read(rows->store, scan, &scanning,
					 rows_err(rows)),
			0);
		assert_string_equal(scanning.seen, cases[i].seen);
	}
}

static int
delete_some(struct store_tx *tx, void *ctx, struct err *err)
{
	struct kv kv = kv_of(MOUNT);

	return kv_delete_some(tx, &kv, 2, ctx, err);
}

static void
a_mount_is_emptied_by_parts(void **state)
{
	struct rows *rows = *state;
	const bool more_after[] = { true, false, false };
	char name[] = "role/0";

	for (; name[5] < '4'; name[5]++)
		write_text(rows, MOUNT, name, "x");
	write_text(rows, MOUNT_2, "role/a", "mine");
	for (size_t i = 0; i < ARRAY_LEN(more_after); i++) {
		bool more = !more_after[i];

		assert_int_equal(store_write(rows->store, delete_some, &more,
					 rows_err(rows)),
			0);
		assert_int_equal(more, more_after[i]);
	}
	assert_int_equal(rows_count_keys(rows, "cfg/"), 1);
	assert_string_equal(read_text(rows, MOUNT_2, "role/a"), "mine");
}

static void
a_record_that_is_no_json_is_our_fault(void **state)
{
	struct rows *rows = *state;
	struct kv kv = kv_of(MOUNT);
	struct value *object;
	char key[KV_KEY_MAX];

	assert_int_equal(kv_key(&kv, "x", key, NULL), 0);
	assert_int_equal(
		rows_put_raw(rows, span_str(key), span_str("{\"a\":")), 0);
	assert_int_equal(kv_read(rows->store, &kv, "x", rows->arena, &object,
				 rows_err(rows)),
		ERR_INTERNAL);
	assert_int_equal(rows->err.status, 500);
	assert_string_equal(rows->err.message, "internal error");
}

#define ROWS_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS_TEST(a_record_comes_back_in_its_own_mount),
		ROWS_TEST(a_deleted_record_is_absent),
		ROWS_TEST(a_record_that_is_too_large_is_refused),
		ROWS_TEST(a_name_that_is_too_long_is_refused),
		ROWS_TEST(scans_page_in_order_below_a_prefix),
		ROWS_TEST(a_mount_is_emptied_by_parts),
		ROWS_TEST(a_record_that_is_no_json_is_our_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
