/* Facts kept until their audit line is out. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/outbox.h"
#include "storage/pack.h"
#include "tests/unit/storage/rows.h"

#define N_RECORDS 70 /* more than two pages */
#define N_FACTS 3000 /* more than two records */

struct put {
	struct outbox_fact fact;
	struct outbox_record *record;
	bool fails; /* behind the fact */
};

static int
put(struct store_tx *tx, void *ctx, struct err *err)
{
	struct put *put = ctx;
	int rc = outbox_put(tx, &put->fact, &put->record, err);

	return rc == 0 && put->fails ? ERR_INPUT : rc;
}

static struct put
put_of(int i)
{
	struct put put = { .fact = {
				   .time_ns = START_S * CLOCK_NS_PER_S + i,
				   .operation = "update",
				   .path = "ssh/creds/web",
				   .accessor =
					   i % 2 == 0 ? "hmac-sha256:00" : "",
				   .lease_id =
					   i % 2 == 0 ? "" : "ssh/creds/web/x",
				   .status = 200 + i % 5,
			   } };

	(void)snprintf(put.fact.request_id, sizeof(put.fact.request_id),
		"00000000-0000-4000-8000-%012x", (unsigned)i);
	return put;
}

/* A fact in a commit of its own, with its record. */
static struct outbox_record *
add_fact(struct rows *rows, int i)
{
	struct put one = put_of(i);

	assert_int_equal(
		store_write(rows->store, put, &one, rows_err(rows)), 0);
	return one.record;
}

struct puts {
	struct put *items;
	int n;
};

/* As one write function after the other does it. */
static int
put_all(struct store_tx *tx, void *ctx, struct err *err)
{
	struct puts *puts = ctx;
	int rc = 0;

	for (int i = 0; i < puts->n && rc == 0; i++)
		rc = put(tx, &puts->items[i], err);
	return rc;
}

/* Facts 0 to n - 1 in one commit. */
static void
add_facts(struct rows *rows, struct put *items, int n)
{
	struct puts puts = { items, n };

	for (int i = 0; i < n; i++)
		items[i] = put_of(i);
	assert_int_equal(
		store_write(rows->store, put_all, &puts, rows_err(rows)), 0);
}

#ifndef SALLYPORT_SANITIZED
#define BUF_FIRST 512 /* what a struct buf asks for first */

/* So many such allocations until one fails; 0: none does. */
static atomic_int failing;

void *__libc_malloc(size_t size);

/* Stands before libc's. */
void *
malloc(size_t size)
{
	if (size == BUF_FIRST && atomic_load(&failing) > 0 &&
		atomic_fetch_sub(&failing, 1) == 1)
		return NULL;
	return __libc_malloc(size);
}

/* The fact's own bytes come first, then those of its record. */
static int
put_short_of_memory(struct store_tx *tx, void *ctx, struct err *err)
{
	int rc;

	atomic_store(&failing, 2);
	rc = put(tx, ctx, err);
	assert_int_equal(atomic_exchange(&failing, 0), 0);
	return rc;
}

/* A record without a fact would never go, or not even be read again. */
static void
a_fact_that_finds_no_memory_leaves_no_record(void **state)
{
	struct rows *rows = *state;
	struct put one = put_of(0);

	assert_int_equal(store_write(rows->store, put_short_of_memory, &one,
				 rows_err(rows)),
		ERR_MEMORY);
	assert_int_equal(rows_count_keys(rows, "out/"), 0);
}
#endif

/* Deletes go with the next write at the latest. */
static void
write_something(struct rows *rows)
{
	static int next = 0x10000;
	struct put other = put_of(next++);

	assert_int_equal(
		store_write(rows->store, put, &other, rows_err(rows)), 0);
	outbox_done(rows->store, &other.record, true);
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
}

static int
see(void *ctx, const struct outbox_fact *facts, size_t n,
	UNUSED struct err *err)
{
	struct seen *seen = ctx;

	for (size_t i = 0; i < n; i++)
		see_one(seen, &facts[i]);
	/* The caller may change the store meanwhile. */
	outbox_forget(seen->rows->store, facts, n);
	return 0;
}

static void
scan_finds(struct rows *rows, int first, int n)
{
	struct seen seen = { rows, first };

	assert_int_equal(
		outbox_scan(rows->store, see, &seen, rows_err(rows)), 0);
	assert_int_equal(seen.n, first + n);
}

static void
each_fact_comes_back_once_in_order(void **state)
{
	struct rows *rows = *state;
	struct outbox_record *record = NULL;

	for (int i = 0; i < N_RECORDS; i++) {
		record = add_fact(rows, i);
		outbox_done(rows->store, &record, false);
	}
	scan_finds(rows, 0, N_RECORDS);
	write_something(rows);
	assert_true(rows_count_keys(rows, "out/") <= 1);
}

/* More than a record holds, in one commit. */
static void
facts_of_a_commit_share_few_records(void **state)
{
	struct rows *rows = *state;
	static struct put items[N_FACTS];
	size_t n_records;

	add_facts(rows, items, N_FACTS);
	n_records = rows_count_keys(rows, "out/");
	assert_in_range(n_records, 2, 4);
	for (int i = 0; i < N_FACTS; i++)
		outbox_done(rows->store, &items[i].record, false);
	scan_finds(rows, 0, N_FACTS);
}

static void
a_record_goes_with_its_last_fact(void **state)
{
	struct rows *rows = *state;
	struct put items[3];

	add_facts(rows, items, 3);
	assert_int_equal(rows_count_keys(rows, "out/"), 1);
	outbox_done(rows->store, &items[0].record, true);
	outbox_done(rows->store, &items[2].record, true);
	write_something(rows);
	write_something(rows);
	assert_int_equal(rows_count_keys(rows, "out/"), 2);
	outbox_done(rows->store, &items[1].record, true);
	write_something(rows);
	assert_int_equal(rows_count_keys(rows, "out/"), 1);
}

static void
a_record_that_lacks_a_line_stays(void **state)
{
	struct rows *rows = *state;
	struct put items[3];

	add_facts(rows, items, 3);
	outbox_done(rows->store, &items[0].record, true);
	outbox_done(rows->store, &items[1].record, false);
	outbox_done(rows->store, &items[2].record, true);
	write_something(rows);
	assert_int_equal(rows_count_keys(rows, "out/"), 2);
}

/* As a server before version 2 left it: one fact, its id in the key. */
static int
put_old(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct outbox_fact *fact = ctx;
	struct buf bytes;
	char key[48];
	int rc;

	(void)snprintf(key, sizeof(key), "out/%s", fact->request_id);
	buf_init(&bytes, 1000);
	pack_u8(&bytes, 1);
	pack_i64(&bytes, fact->time_ns);
	pack_u32(&bytes, (uint32_t)fact->status);
	pack_str(&bytes, fact->operation);
	pack_str(&bytes, fact->path);
	pack_str(&bytes, fact->accessor);
	pack_str(&bytes, fact->lease_id);
	rc = tx_put(tx, span_str(key), buf_span(&bytes), err);
	buf_clear(&bytes);
	return rc;
}

static void
a_record_of_version_1_is_read(void **state)
{
	struct rows *rows = *state;
	struct outbox_fact fact = put_of(5).fact;

	assert_int_equal(
		store_write(rows->store, put_old, &fact, rows_err(rows)), 0);
	scan_finds(rows, 5, 1);
	write_something(rows);
	assert_int_equal(rows_count_keys(rows, "out/"), 1);
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

	struct outbox_record *record = add_fact(rows, 0);

	assert_int_equal(outbox_scan(rows->store, refuse, &n, rows_err(rows)),
		ERR_AUDIT);
	assert_int_equal(n, 1);
	outbox_done(rows->store, &record, true);
}

static void
a_fact_undone_with_its_change_is_not_kept(void **state)
{
	struct rows *rows = *state;
	struct put one = put_of(0);
	char path[70000];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	one.fact.path = path;
	assert_int_equal(
		store_write(rows->store, put, &one, rows_err(rows)), ERR_LIMIT);
	one = put_of(0);
	one.fails = true;
	assert_int_equal(
		store_write(rows->store, put, &one, rows_err(rows)), ERR_INPUT);
	assert_int_equal(rows_count_keys(rows, "out/"), 0);
}

#define ROWS_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS_TEST(each_fact_comes_back_once_in_order),
		ROWS_TEST(facts_of_a_commit_share_few_records),
		ROWS_TEST(a_record_goes_with_its_last_fact),
		ROWS_TEST(a_record_that_lacks_a_line_stays),
		ROWS_TEST(a_record_of_version_1_is_read),
		ROWS_TEST(a_failing_reader_ends_the_scan),
		ROWS_TEST(a_fact_undone_with_its_change_is_not_kept),
#ifndef SALLYPORT_SANITIZED
		ROWS_TEST(a_fact_that_finds_no_memory_leaves_no_record),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
