/* What a token keeps for itself is its alone, and goes with it. */
#include <stdio.h>
#include <string.h>

#include "storage/cubbyhole.h"
#include "tests/unit/storage/rows.h"

#define N_RECORDS 50 /* more than one step of a revocation takes */

struct call {
	struct rows *rows;
	struct rowref token;
	const char *name;
	size_t limit, n;
	bool has, more;
};

static int
put(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct call *call = ctx;
	const struct kv kv = cubbyhole_of(call->token);
	struct value *record = value_object(call->rows->arena);

	if (!value_set_str(call->rows->arena, record, "a", call->name))
		return err_set_memory(err);
	return kv_put(tx, &kv, call->name, record, err);
}

static void
put_record(struct rows *rows, struct rowref token, const char *name)
{
	struct call call = { .rows = rows, .token = token, .name = name };

	assert_int_equal(
		store_write(rows->store, put, &call, rows_err(rows)), 0);
}

static int
count_one(void *ctx, UNUSED const char *name, UNUSED const struct value *record,
	UNUSED struct err *err)
{
	(*(size_t *)ctx)++;
	return 0;
}

static int
look(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	const struct kv kv = cubbyhole_of(call->token);
	int rc = cubbyhole_has_any(tx, call->token, &call->has, err);

	call->n = 0;
	return rc != 0 ? rc
		       : kv_scan(tx, &kv, "", "", 1000, call->rows->arena,
				 count_one, &call->n, err);
}

static size_t
count(struct rows *rows, struct rowref token)
{
	struct call call = { .rows = rows, .token = token };

	assert_int_equal(
		store_read(rows->store, look, &call, rows_err(rows)), 0);
	assert_int_equal(call.has, call.n > 0);
	return call.n;
}

static struct rowref
new_token(struct rows *rows)
{
	return rows_add_token(rows, (struct rowref){ 0, 0 }, 3600);
}

static void
each_token_sees_its_own(void **state)
{
	struct rows *rows = *state;
	const struct rowref one = new_token(rows), two = new_token(rows);

	put_record(rows, one, "same");
	put_record(rows, one, "more");
	put_record(rows, two, "same");
	assert_int_equal(count(rows, one), 2);
	assert_int_equal(count(rows, two), 1);
	assert_int_equal(count(rows, new_token(rows)), 0);
}

static void
all_of_it_goes_with_its_token_and_nothing_else(void **state)
{
	struct rows *rows = *state;
	const struct rowref gone = new_token(rows), stays = new_token(rows);
	char name[16];

	for (int i = 0; i < N_RECORDS; i++) {
		(void)snprintf(name, sizeof(name), "dir/%d", i);
		put_record(rows, gone, name);
	}
	put_record(rows, stays, "a");
	assert_int_equal(
		lease_revoke_tree(rows->store, gone, rows_err(rows)), 0);
	assert_int_equal(rows_state(rows, gone), 0);
	assert_int_equal(count(rows, gone), 0);
	assert_int_equal(rows_count_keys(rows, "cub/"), 1);
	assert_int_equal(count(rows, stays), 1);
}

static void
it_goes_when_the_token_ends_and_with_its_parent(void **state)
{
	struct rows *rows = *state;
	const struct rowref parent = new_token(rows);
	const struct rowref child = rows_add_token(rows, parent, 3600);
	const struct rowref brief =
		rows_add_token(rows, (struct rowref){ 0, 0 }, 60);
	int64_t next_s = 0;

	put_record(rows, child, "a");
	put_record(rows, brief, "a");
	rows_wait(rows, 60);
	assert_int_equal(rows_expire_all(rows, 50, &next_s), 0);
	assert_int_equal(count(rows, brief), 0);
	assert_int_equal(count(rows, child), 1);
	assert_int_equal(
		lease_revoke_tree(rows->store, parent, rows_err(rows)), 0);
	assert_int_equal(rows_count_keys(rows, "cub/"), 0);
}

static int
drop(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;

	return cubbyhole_drop_some(
		tx, call->token, call->limit, &call->more, err);
}

static void
dropping_takes_as_many_as_it_may(void **state)
{
	struct rows *rows = *state;
	struct call call = {
		.rows = rows, .token = new_token(rows), .limit = 2
	};

	put_record(rows, call.token, "a");
	put_record(rows, call.token, "b");
	put_record(rows, call.token, "c");
	assert_int_equal(
		store_write(rows->store, drop, &call, rows_err(rows)), 0);
	assert_true(call.more);
	assert_int_equal(count(rows, call.token), 1);
	assert_int_equal(
		store_write(rows->store, drop, &call, rows_err(rows)), 0);
	assert_false(call.more);
	assert_int_equal(count(rows, call.token), 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_token_sees_its_own),
		TEST(all_of_it_goes_with_its_token_and_nothing_else),
		TEST(it_goes_when_the_token_ends_and_with_its_parent),
		TEST(dropping_takes_as_many_as_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
