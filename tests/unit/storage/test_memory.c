/* The backend in memory: order, savepoints, rollback, due times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "storage/memory.h"

struct keys {
	char text[256];
	size_t len;
};

static int
add_key(void *ctx, struct span key, struct span value, struct err *err)
{
	struct keys *keys = ctx;

	(void)value;
	(void)err;
	assert_true(keys->len + key.len + 2 < sizeof(keys->text));
	memcpy(keys->text + keys->len, key.data, key.len);
	keys->len += key.len;
	keys->text[keys->len++] = ' ';
	return 0;
}

static int
add_due(void *ctx, int64_t due_s, struct span key, struct err *err)
{
	(void)due_s;
	return add_key(ctx, key, SPAN_NONE, err);
}

static void
put(struct backend *backend, const char *key, const char *value)
{
	assert_int_equal(0,
		backend->ops->put(
			backend, span_str(key), span_str(value), NULL));
}

static const char *
scan(struct backend *backend, const char *prefix, const char *after,
	size_t limit)
{
	static struct keys keys;

	memset(&keys, 0, sizeof(keys));
	assert_int_equal(0,
		backend->ops->scan(backend, NULL, span_str(prefix),
			span_str(after), limit, true, add_key, &keys, NULL));
	return keys.text;
}

static int
setup(void **state)
{
	*state = memory_backend_new();
	return *state == NULL;
}

static int
teardown(void **state)
{
	struct backend *backend = *state;

	backend->ops->close(backend);
	return 0;
}

static void
scan_walks_a_prefix_in_bytewise_order(void **state)
{
	struct backend *backend = *state;

	assert_int_equal(0, backend->ops->begin(backend, NULL));
	put(backend, "b/2", "");
	put(backend, "a/1", "");
	put(backend, "b/1", "");
	put(backend, "b/10", "");
	put(backend, "c", "");
	assert_int_equal(0, backend->ops->commit(backend, NULL));
	assert_string_equal("b/1 b/10 b/2 ", scan(backend, "b/", "", 0));
	assert_string_equal("b/10 b/2 ", scan(backend, "b/", "b/1", 0));
	assert_string_equal("b/10 ", scan(backend, "b/", "b/1", 1));
	assert_string_equal("b/2 ", scan(backend, "b/", "b/15", 0));
	assert_string_equal("b/1 b/10 b/2 ", scan(backend, "b/", "a/1", 0));
	assert_string_equal("", scan(backend, "b/", "c", 0));
	assert_string_equal("a/1 b/1 b/10 b/2 c ", scan(backend, "", "", 0));
}

static void
rollback_to_undoes_what_came_after_the_savepoint(void **state)
{
	struct backend *backend = *state;
	struct buf value;

	buf_init(&value, 100);
	assert_int_equal(0, backend->ops->begin(backend, NULL));
	put(backend, "a", "1");
	put(backend, "gone", "");
	assert_int_equal(0, backend->ops->savepoint(backend, NULL));
	put(backend, "a", "2");
	put(backend, "b", "2");
	assert_int_equal(0, backend->ops->del(backend, span_str("gone"), NULL));
	assert_int_equal(0, backend->ops->rollback_to(backend, NULL));
	assert_int_equal(0, backend->ops->release(backend, NULL));
	assert_int_equal(0, backend->ops->commit(backend, NULL));
	assert_string_equal("a gone ", scan(backend, "", "", 0));
	assert_int_equal(0,
		backend->ops->get(backend, NULL, span_str("a"), &value, NULL));
	assert_string_equal("1", buf_str(&value));
	buf_clear(&value);
}

static void
rollback_undoes_everything(void **state)
{
	struct backend *backend = *state;

	assert_int_equal(0, backend->ops->begin(backend, NULL));
	put(backend, "a", "1");
	backend->ops->rollback(backend);
	assert_string_equal("", scan(backend, "", "", 0));
}

static void
due_entries_come_earliest_first(void **state)
{
	struct backend *backend = *state;

	static const struct {
		int64_t due_s;
		const char *key;
	} due[] = { { 300, "c" }, { -5, "a" }, { 7, "z" }, { 7, "b" } };
	struct keys keys = { .len = 0 };
	size_t i;

	assert_int_equal(0, backend->ops->begin(backend, NULL));
	for (i = 0; i < ARRAY_LEN(due); i++)
		assert_int_equal(0,
			backend->ops->due_put(backend, due[i].due_s,
				span_str(due[i].key), NULL));
	assert_int_equal(
		0, backend->ops->due_del(backend, 7, span_str("z"), NULL));
	assert_int_equal(0, backend->ops->commit(backend, NULL));
	assert_int_equal(0,
		backend->ops->due_scan(
			backend, NULL, 299, 0, add_due, &keys, NULL));
	assert_string_equal("a b ", keys.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			scan_walks_a_prefix_in_bytewise_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			rollback_to_undoes_what_came_after_the_savepoint, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			rollback_undoes_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(
			due_entries_come_earliest_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
