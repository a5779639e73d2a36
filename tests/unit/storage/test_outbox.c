/* Facts kept until their audit line is out. */
#include <stdio.h>
#include <string.h>

#include "storage/outbox.h"
#include "tests/unit/storage/rows.h"

#define N_FACTS 1100 /* more than two pages */

static int
put(struct store_tx *tx, void *ctx, struct err *err)
{
	return outbox_put(tx, ctx, err);
}

static void
add_fact(struct rows *rows, int i)
{
	struct outbox_fact fact = {
		.time_ns = START_S * CLOCK_NS_PER_S + i,
		.operation = "update",
		.path = "ssh/creds/web",
		.accessor = i % 2 == 0 ? "hmac-sha256:00" : "",
		.lease_id = i % 2 == 0 ? "" : "ssh/creds/web/x",
		.status = 200 + i % 5,
	};

	(void)snprintf(fact.request_id, sizeof(fact.request_id),
		"00000000-0000-4000-8000-%012x", (unsigned)i);
	assert_int_equal(
		store_write(rows->store, put, &fact, rows_err(rows)), 0);
}

struct seen {
	struct rows *rows;
	int n;
};

static void
see_one(struct seen *seen, const struct outbox_fact *fact)
{
	char id[40];

	(void)snprintf(id, sizeof(id), "00000000-0000-4000-8000-%012x",
		(unsigned)seen->n);
	assert_string_equal(fact->request_id, id);
	assert_true(fact->time_ns == START_S * CLOCK_NS_PER_S + seen->n);
	assert_string_equal(fact->operation, "update");
	assert_string_equal(fact->path, "ssh/creds/web");
	assert_string_equal(
		fact->accessor, seen->n % 2 == 0 ? "hmac-sha256:00" : "");
	assert_string_equal(
		fact->lease_id, seen->n % 2 == 0 ? "" : "ssh/creds/web/x");
	assert_int_equal(fact->status, 200 + seen->n % 5);
	seen->n++;
	/* The caller may change the store meanwhile. */
	outbox_done(seen->rows->store, fact->request_id);
}

static int
see(void *ctx, const struct outbox_fact *facts, size_t n,
	UNUSED struct err *err)
{
	for (size_t i = 0; i < n; i++)
		see_one(ctx, &facts[i]);
	return 0;
}

static void
each_fact_comes_back_once_in_order(void **state)
{
	struct rows *rows = *state;
	struct seen seen = { rows, 0 };

	for (int i = 0; i < N_FACTS; i++)
		add_fact(rows, i);
	assert_int_equal(
		outbox_scan(rows->store, see, &seen, rows_err(rows)), 0);
	assert_int_equal(seen.n, N_FACTS);
}

static void
a_fact_that_is_done_goes(void **state)
{
	struct rows *rows = *state;
	struct seen seen = { rows, 0 };

	add_fact(rows, 0);
	outbox_done(rows->store, "00000000-0000-4000-8000-000000000000");
	add_fact(rows, 1); /* with the batch of this write at the latest */
	add_fact(rows, 2);
	seen.n = 1;
	assert_int_equal(
		outbox_scan(rows->store, see, &seen, rows_err(rows)), 0);
	assert_int_equal(seen.n, 3);
}

static int
refuse(void *ctx, UNUSED const struct outbox_fact *facts, UNUSED size_t n_facts,
	struct err *err)
{
	++*(int *)ctx;
	return err_set(err, ERR_AUDIT, 500, "internal error");
}

static void
a_failing_reader_ends_the_scan(void **state)
{
	struct rows *rows = *state;
	int n = 0;

	add_fact(rows, 0);
	add_fact(rows, 1);
	assert_int_equal(outbox_scan(rows->store, refuse, &n, rows_err(rows)),
		ERR_AUDIT);
	assert_int_equal(n, 1);
}

static void
a_fact_undone_with_its_change_is_not_kept(void **state)
{
	struct rows *rows = *state;
	struct outbox_fact fact = { .request_id = "x", .operation = "update" };
	char path[70000];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	fact.path = path;
	assert_int_equal(store_write(rows->store, put, &fact, rows_err(rows)),
		ERR_LIMIT);
	assert_int_equal(rows_count_keys(rows, "out/"), 0);
}

#define ROWS_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS_TEST(each_fact_comes_back_once_in_order),
		ROWS_TEST(a_fact_that_is_done_goes),
		ROWS_TEST(a_failing_reader_ends_the_scan),
		ROWS_TEST(a_fact_undone_with_its_change_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
