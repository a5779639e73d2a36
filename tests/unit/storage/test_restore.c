/* A store put back from a backup: what goes, what stays, crashes on the way. */
#include "tests/unit/storage/rows.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "storage/restore.h"
#include "storage/schema.h"

#define LIFE_S 3600

static int
setup(void **state)
{
	int rc = rows_setup_file(state);
	struct rows *rows = *state;

	if (rc == 0)
		rc = rows_open_file(rows);
	return rc != 0 ? rc : schema_check(rows->store, rows_err(rows));
}

static const char *
file_name(const struct rows *rows, const char *name, char out[64])
{
	(void)snprintf(out, 64, "%s/%s", rows->dir, name);
	return out;
}

/* Close the store, put its backup in place, open that. */
static void
put_back(struct rows *rows)
{
	char copy[64], store[64];

	assert_int_equal(0,
		store_backup(rows->store, file_name(rows, "copy", copy),
			rows_err(rows)));
	assert_int_not_equal(
		0, access(file_name(rows, "copy-wal", store), F_OK));
	store_close(&rows->store);
	assert_int_equal(0, rename(copy, file_name(rows, "store.db", store)));
	assert_int_equal(0, rows_open_file(rows));
	assert_int_equal(0, schema_check(rows->store, rows_err(rows)));
}

static uint64_t
epoch_of(struct rows *rows)
{
	uint64_t epoch = 0;

	assert_int_equal(0, schema_epoch(rows->store, &epoch, rows_err(rows)));
	return epoch;
}

static struct restored
finish(struct rows *rows)
{
	struct restored restored;

	assert_int_equal(
		0, restore_finish(rows->store, 0, &restored, rows_err(rows)));
	return restored;
}

static void
a_store_that_was_never_put_back_is_left_alone(void **state)
{
	struct rows *rows = *state;
	struct rowref otp =
		rows_add_otp(rows, "creds/web", (struct rowref){ 0 }, LIFE_S);
	char copy[64];

	assert_int_equal(0,
		store_backup(rows->store, file_name(rows, "copy", copy),
			rows_err(rows)));
	assert_false(finish(rows).found);
	assert_int_equal(LEASE_LIVE, rows_state(rows, otp));
	assert_int_equal(1, epoch_of(rows));
}

static void
otps_are_dropped_and_tokens_stay(void **state)
{
	struct rows *rows = *state;
	struct rowref token =
		rows_add_token(rows, (struct rowref){ 0 }, LIFE_S);
	struct rowref otp = rows_add_otp(rows, "creds/web", token, LIFE_S);
	struct restored restored;

	(void)rows_add_otp(rows, "creds/db", (struct rowref){ 0 }, LIFE_S);
	put_back(rows);
	restored = finish(rows);
	assert_true(restored.found);
	assert_int_equal(2, restored.n_otps);
	assert_int_equal(2, restored.epoch);
	assert_int_equal(0, rows_state(rows, otp));
	assert_int_equal(LEASE_LIVE, rows_state(rows, token));
	assert_int_equal(0, rows_count_keys(rows, "own/"));
	assert_int_equal(1, rows_count_due(rows));
}

/* A counted one could have been spent since; others are as good as tokens. */
static void
secret_ids_are_dropped_where_uses_are_counted(void **state)
{
	struct rows *rows = *state;
	struct lease lease = rows_new_otp(
		rows, "/secret-id/x", (struct rowref){ 0 }, LIFE_S);
	struct rowref counted = lease.ref;

	lease.kind = LEASE_SECRET_ID;
	lease.counted = true;
	assert_int_equal(rows_insert(rows, &lease), 0);
	lease = rows_new_otp(
		rows, "/secret-id/x", (struct rowref){ 0 }, LIFE_S);
	lease.kind = LEASE_SECRET_ID;
	lease.expire_s = 0;
	assert_int_equal(rows_insert(rows, &lease), 0);
	put_back(rows);
	assert_int_equal(1, finish(rows).n_otps);
	assert_int_equal(0, rows_state(rows, counted));
	assert_int_equal(LEASE_LIVE, rows_state(rows, lease.ref));
}

/* Revoked since, for all that the copy knows: queued, never live again. */
static void
dynamic_leases_are_queued(void **state)
{
	struct rows *rows = *state;
	struct lease lease =
		rows_new_otp(rows, "creds/x", (struct rowref){ 0 }, LIFE_S);
	struct restored restored;

	lease.kind = LEASE_DYNAMIC;
	assert_int_equal(rows_insert(rows, &lease), 0);
	put_back(rows);
	restored = finish(rows);
	assert_int_equal(restored.n_otps, 0);
	assert_int_equal(restored.n_dynamic, 1);
	assert_int_equal(rows_state(rows, lease.ref), LEASE_REVOKING);
	assert_int_equal(rows_count_keys(rows, "queue/"), 1);
	assert_int_equal(rows_count_due(rows), 0);
}

static void
it_happens_once(void **state)
{
	struct rows *rows = *state;
	struct rowref otp;

	put_back(rows);
	assert_true(finish(rows).found);
	otp = rows_add_otp(rows, "creds/web", (struct rowref){ 0 }, LIFE_S);
	assert_false(finish(rows).found);
	assert_int_equal(LEASE_LIVE, rows_state(rows, otp));
	assert_int_equal(2, epoch_of(rows));
}

static void
more_rows_than_a_page_holds_are_dropped(void **state)
{
	struct rows *rows = *state;

	for (int i = 0; i < 1100; i++)
		(void)rows_add_otp(rows, i % 2 == 0 ? "creds/a" : "creds/b",
			(struct rowref){ 0 }, LIFE_S);
	put_back(rows);
	assert_int_equal(1100, finish(rows).n_otps);
	assert_int_equal(0, rows_count_keys(rows, "row/"));
	assert_int_equal(0, rows_count_due(rows));
}

static void
large_rows_are_dropped_too(void **state)
{
	struct rows *rows = *state;

	rows_add_large(rows, 400, LIFE_S);
	put_back(rows);
	assert_int_equal(400, finish(rows).n_otps);
}

static void
a_copy_of_a_restored_store_is_a_backup_again(void **state)
{
	struct rows *rows = *state;

	put_back(rows);
	(void)finish(rows);
	put_back(rows);
	assert_int_equal(3, finish(rows).epoch);
}

static void
a_row_that_cannot_be_read_stops_nothing(void **state)
{
	struct rows *rows = *state;
	struct rowref bad =
		rows_add_otp(rows, "creds/a", (struct rowref){ 0 }, LIFE_S);
	uint8_t key[16] = "row/";

	for (size_t i = 0; i < 4; i++)
		key[4 + i] = (uint8_t)(bad.path >> (8 * (3 - i)));
	for (size_t i = 0; i < 8; i++)
		key[8 + i] = (uint8_t)(bad.row >> (8 * (7 - i)));
	(void)rows_add_otp(rows, "creds/a", (struct rowref){ 0 }, LIFE_S);
	assert_int_equal(0,
		rows_put_raw(rows, span_of(key, sizeof(key)),
			span_str("\001 no row of ours")));
	put_back(rows);
	assert_int_equal(1, finish(rows).n_otps);
}

#define EACH(test)                                                             \
	cmocka_unit_test_setup_teardown(test, setup, rows_teardown_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(a_store_that_was_never_put_back_is_left_alone),
		EACH(otps_are_dropped_and_tokens_stay),
		EACH(secret_ids_are_dropped_where_uses_are_counted),
		EACH(dynamic_leases_are_queued),
		EACH(it_happens_once),
		EACH(more_rows_than_a_page_holds_are_dropped),
		EACH(large_rows_are_dropped_too),
		EACH(a_copy_of_a_restored_store_is_a_backup_again),
		EACH(a_row_that_cannot_be_read_stops_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
