/* Named records: written whole, read, listed by page, deleted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/auth/auth.h"
#include "tests/support/api_call.h"
#include "tests/support/api_steps.h"
#include "tests/support/demo_mount.h"

static const struct mount_type *const types[] = { &token_mount_type,
	&demo_mount_type, NULL };

#define LARGE 100 /* records of 900 KiB */

static struct api_fixture *fixture;
static struct api_reply reply;

static int
setup(void **state)
{
	(void)state;
	fixture = api_fixture_new(types);
	return fixture == NULL || api_mount(fixture, "demo", "demo/") != 0;
}

static int
teardown(void **state)
{
	(void)state;
	api_fixture_free(&fixture);
	return 0;
}

static void
put(const char *name, const char *body, int status)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "demo/cards/%s", name);
	api_call(fixture, OP_UPDATE, path, body, &reply);
	assert_int_equal(reply.status, status);
}

static void
get(const char *name, int status)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "demo/cards/%s", name);
	api_call(fixture, OP_READ, path, NULL, &reply);
	assert_int_equal(reply.status, status);
}

static void
list(const char *after, const char *limit)
{
	const struct req_pair query[] = { { "after", after },
		{ "limit", limit } };
	const struct api_request request = { .method = "LIST",
		.path = "demo/cards",
		.token = fixture->root,
		.query = query,
		.n_query = ARRAY_LEN(query) };

	api_send(fixture, &request, &reply);
}

static void
a_record_reads_back_as_written(void **state)
{
	(void)state;
	put("a",
		"{\"color\":\"blue\",\"size\":\"7\",\"tags\":\"x,y\",\"extra\":{\"k\":\"v\"},\"on\":false}",
		204);
	get("a", 200);
	assert_string_equal(value_find_str(reply.data, "color", ""), "blue");
	assert_int_equal(value_find_int(reply.data, "size", 0), 7);
	assert_int_equal(value_find(reply.data, "tags")->n, 2);
	assert_string_equal(
		value_find_str(value_find(reply.data, "extra"), "k", ""), "v");
	assert_false(value_find_bool(reply.data, "on", true));
	assert_string_equal(value_find_str(reply.data, "shade", "?"), "");
}

static void
a_write_replaces_the_whole_record(void **state)
{
	(void)state;
	put("a", "{\"color\":\"blue\",\"size\":7}", 204);
	get("a", 200);
	put("a", "{\"shade\":\"dark\"}", 204);
	get("a", 200);
	assert_string_equal(value_find_str(reply.data, "color", ""), "red");
	assert_int_equal(value_find_int(reply.data, "size", 0), 5);
	assert_true(value_find_bool(reply.data, "on", false));
}

static void
call_badge(enum op_verb verb, const char *body, int status)
{
	api_call(fixture, verb, "demo/badges/b", body, &reply);
	assert_int_equal(reply.status, status);
}

static void
a_type_that_merges_keeps_what_was_not_sent(void **state)
{
	(void)state;
	call_badge(OP_UPDATE, "{\"color\":\"blue\"}", 400);
	call_badge(OP_UPDATE, "{\"color\":\"blue\",\"pin\":\"1\"}", 204);
	call_badge(OP_UPDATE, "{\"width\":7}", 204);
	call_badge(OP_READ, NULL, 200);
	assert_string_equal(value_find_str(reply.data, "color", ""), "blue");
	assert_int_equal(value_find_int(reply.data, "size", 0), 7);
	/* An empty text resets; null is not sent. */
	call_badge(OP_UPDATE, "{\"color\":\"\",\"size\":null}", 204);
	call_badge(OP_READ, NULL, 200);
	assert_string_equal(value_find_str(reply.data, "color", ""), "red");
	assert_int_equal(value_find_int(reply.data, "size", 0), 7);
}

static void
what_is_only_sent_or_only_stored_stays_apart(void **state)
{
	(void)state;
	call_badge(OP_UPDATE, "{\"mark\":\"pinned\"}", 400);
	call_badge(OP_UPDATE, "{\"pin\":\"1\"}", 204);
	call_badge(OP_READ, NULL, 200);
	assert_null(value_find(reply.data, "pin"));
	assert_null(value_find(reply.data, "mark"));
	/* What is stored is none of the caller's to reset. */
	call_badge(OP_UPDATE, "{\"mark\":\"\"}", 204);
}

static void
a_part_of_a_record_has_a_path_of_its_own(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", "demo/badges/c/color", NULL, 404, NULL, NULL },
		{ "POST", "demo/badges/c/color", "{\"color\":\"blue\"}", 404,
			NULL, NULL },
		{ "DELETE", "demo/badges/c/color", NULL, 404, NULL, NULL },
		{ "POST", "demo/badges/c", "{\"size\":3,\"pin\":\"1\"}", 204,
			NULL, NULL },
		{ "POST", "demo/badges/c/color",
			"{\"color\":\"blue\",\"size\":9}", 204, NULL, NULL },
		{ "GET", "demo/badges/c/color", NULL, 200, NULL,
			"\"data\":{\"color\":\"blue\"}" },
		{ "GET", "demo/badges/c", NULL, 200, NULL, "\"size\":3" },
		{ "DELETE", "demo/badges/c/color", NULL, 204, NULL, NULL },
		{ "GET", "demo/badges/c/color", NULL, 200, NULL, "red" },
		{ "GET", "demo/badges/c", NULL, 200, NULL, "\"size\":3" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
	/* What a delete names in its query is none of the record's fields. */
	api_send(fixture,
		&(struct api_request){ .method = "DELETE",
			.path = "demo/badges/c/color",
			.token = fixture->root,
			.query = &(struct req_pair){ "size", "9" },
			.n_query = 1 },
		&reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_READ, "demo/badges/c", NULL, &reply);
	assert_int_equal(value_find_int(reply.data, "size", 0), 3);
}

static void
checks_run_before_and_inside_the_write(void **state)
{
	(void)state;
	put("a", "{\"color\":\"grey\"}", 204);
	get("a", 200);
	assert_string_equal(value_find_str(reply.data, "color", ""), "gray");
	put("b", "{\"color\":\"none\"}", 400);
	assert_string_equal(api_error(&reply), "no colour for b");
	get("b", 404);
	put("b", "{\"shade\":\"needs-a\"}", 204);
	api_call(fixture, OP_DELETE, "demo/cards/a", NULL, &reply);
	put("c", "{\"shade\":\"needs-a\"}", 400);
	assert_string_equal(api_error(&reply), "no card a");
}

static void
names_are_lowered_where_the_type_says_so(void **state)
{
	(void)state;
	put("MiXed", "{}", 204);
	get("mixed", 200);
	get("MIXED", 200);
	list("", "0");
	assert_string_equal(
		value_find(reply.data, "keys")->first->str, "mixed");
}

static void
absent_records_read_404_and_delete_204(void **state)
{
	(void)state;
	get("nobody", 404);
	assert_string_equal(reply.body, "{\"errors\":[]}\n");
	api_call(fixture, OP_DELETE, "demo/cards/nobody", NULL, &reply);
	assert_int_equal(reply.status, 204);
	list("", "0");
	assert_int_equal(reply.status, 404);
}

static void
a_deleted_record_is_gone_unless_its_type_objects(void **state)
{
	(void)state;
	put("a", "{}", 204);
	put("keep", "{}", 204);
	api_call(fixture, OP_DELETE, "demo/cards/a", NULL, &reply);
	assert_int_equal(reply.status, 204);
	get("a", 404);
	api_call(fixture, OP_DELETE, "demo/cards/keep", NULL, &reply);
	assert_int_equal(reply.status, 400);
	get("keep", 200);
}

static void
lists_are_sorted_paged_and_informed(void **state)
{
	const struct value *keys = NULL;

	(void)state;
	put("b", "{\"color\":\"blue\"}", 204);
	put("a", "{}", 204);
	put("c", "{}", 204);
	list("", "0");
	keys = value_find(reply.data, "keys");
	assert_int_equal(keys->n, 3);
	assert_string_equal(keys->first->str, "a");
	assert_string_equal(keys->last->str, "c");
	assert_string_equal(
		value_find_str(
			value_find(value_find(reply.data, "key_info"), "b"),
			"color", ""),
		"blue");
	list("aa", "1");
	keys = value_find(reply.data, "keys");
	assert_int_equal(keys->n, 1);
	assert_string_equal(keys->first->str, "b");
	list("c", "5");
	assert_int_equal(reply.status, 404);
}

static void
a_list_longer_than_a_page_is_whole(void **state)
{
	const struct value *keys = NULL;
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 1203; i++) {
		(void)snprintf(name, sizeof(name), "n%04d", i);
		put(name, "{}", 204);
	}
	list("", "0");
	keys = value_find(reply.data, "keys");
	assert_int_equal(keys->n, 1203);
	assert_string_equal(keys->last->str, "n1202");
	i = 0;
	VALUE_EACH (key, keys) {
		(void)snprintf(name, sizeof(name), "n%04d", i++);
		assert_string_equal(key->str, name);
	}
	list("n0001", "700");
	keys = value_find(reply.data, "keys");
	assert_int_equal(keys->n, 700);
	assert_string_equal(keys->last->str, "n0701");
}

static int
put_large(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct mount *mount = ctx;
	const size_t len = 900 * 1024;
	struct arena *arena = arena_new(4 * len);
	struct value *card = value_object(arena);
	char *shade = arena_alloc(arena, len + 1, 1);
	char name[16];
	int rc = 0;

	memset(shade, 'x', len);
	assert_true(value_set_str(arena, card, "shade", shade));
	for (int i = 0; rc == 0 && i < LARGE; i++) {
		(void)snprintf(name, sizeof(name), "cards/n%04d", i);
		rc = kv_put(tx, &mount->kv, name, card, err);
	}
	arena_free(&arena);
	return rc;
}

/* Together they are more than a request may have in memory. */
static void
a_list_of_large_records_is_whole(void **state)
{
	struct mount *mount = mounts_find(fixture->server->mounts, "demo/x");
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		store_write(fixture->server->store, put_large, mount, &err), 0);
	mount_unref(fixture->server->mounts, &mount);
	list("", "0");
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find(reply.data, "keys")->n, LARGE);
	assert_int_equal(value_find(reply.data, "key_info")->n, LARGE);
}

static int
put_raw(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct mount *mount = ctx;
	struct arena *arena = arena_new(65536);
	struct value *bad = value_object(arena);
	int rc = -1;

	if (value_set(arena, bad, "size", value_list(arena)))
		rc = kv_put(tx, &mount->kv, "cards/odd", bad, err);
	arena_free(&arena);
	return rc;
}

static void
a_record_that_does_not_decode_is_listed_all_the_same(void **state)
{
	struct mount *mount = mounts_find(fixture->server->mounts, "demo/x");
	struct err err = { 0 };

	(void)state;
	put("even", "{}", 204);
	assert_int_equal(
		store_write(fixture->server->store, put_raw, mount, &err), 0);
	mount_unref(fixture->server->mounts, &mount);
	list("", "0");
	assert_int_equal(value_find(reply.data, "keys")->n, 2);
	assert_int_equal(value_find(reply.data, "key_info")->n, 1);
	get("odd", 500);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_record_reads_back_as_written),
		CASE(a_write_replaces_the_whole_record),
		CASE(a_type_that_merges_keeps_what_was_not_sent),
		CASE(what_is_only_sent_or_only_stored_stays_apart),
		CASE(a_part_of_a_record_has_a_path_of_its_own),
		CASE(checks_run_before_and_inside_the_write),
		CASE(names_are_lowered_where_the_type_says_so),
		CASE(absent_records_read_404_and_delete_204),
		CASE(a_deleted_record_is_gone_unless_its_type_objects),
		CASE(lists_are_sorted_paged_and_informed),
		CASE(a_list_longer_than_a_page_is_whole),
		CASE(a_list_of_large_records_is_whole),
		CASE(a_record_that_does_not_decode_is_listed_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
