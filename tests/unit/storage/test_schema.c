/* The schema number: new stores, current ones, newer ones, damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "storage/barrier.h"
#include "storage/schema.h"

static int
setup(void **state)
{
	struct store_settings settings = { .create = true };
	struct store *store = NULL;

	if (store_open_memory(&settings, &store, NULL) != 0)
		return 1;
	*state = store;
	return 0;
}

static int
teardown(void **state)
{
	struct store *store = *state;

	store_close(&store);
	return 0;
}

struct clear {
	const char *key;
	struct span value;
};

static int
put_clear(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct clear *clear = ctx;

	return tx_put_clear(tx, span_str(clear->key), clear->value, err);
}

static void
put_number(struct store *store, const char *key, uint8_t number, size_t len)
{
	uint8_t bytes[8] = { 0 };
	struct clear clear = { key, { bytes, len } };

	bytes[len - 1] = number;
	assert_int_equal(0, store_write(store, put_clear, &clear, NULL));
}

static void
a_new_store_gets_the_current_number(void **state)
{
	struct store *store = *state;
	uint64_t epoch;

	assert_int_equal(0, schema_check(store, NULL));
	assert_int_equal(0, schema_check(store, NULL));
	assert_int_equal(0, schema_epoch(store, &epoch, NULL));
	assert_int_equal(1, epoch);
}

static void
a_newer_store_is_refused_with_both_numbers(void **state)
{
	struct store *store = *state;
	struct err err = { 0 };

	assert_int_equal(0, schema_check(store, NULL));
	put_number(store, "core/schema", SCHEMA_CURRENT + 1, 8);
	assert_int_equal(ERR_INPUT, schema_check(store, &err));
	assert_non_null(strstr(err.message, "schema 2"));
	assert_non_null(strstr(err.message, "knows 1"));
}

static void
a_store_with_records_but_no_number_is_refused(void **state)
{
	struct store *store = *state;

	put_number(store, "core/keyring", 1, 8);
	assert_int_equal(ERR_CRYPTO, schema_check(store, NULL));
}

static void
a_damaged_number_is_refused(void **state)
{
	struct store *store = *state;

	put_number(store, "core/schema", 1, 3);
	assert_int_equal(ERR_CRYPTO, schema_check(store, NULL));
}

static int
raise_epoch(struct store_tx *tx, void *ctx, struct err *err)
{
	return schema_raise_epoch(tx, 0, ctx, err);
}

static void
the_epoch_counts_up(void **state)
{
	struct store *store = *state;
	uint64_t epoch;

	assert_int_equal(0, schema_check(store, NULL));
	assert_int_equal(0, store_write(store, raise_epoch, &epoch, NULL));
	assert_int_equal(2, epoch);
	assert_int_equal(0, schema_epoch(store, &epoch, NULL));
	assert_int_equal(2, epoch);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(a_new_store_gets_the_current_number),
		EACH(a_newer_store_is_refused_with_both_numbers),
		EACH(a_store_with_records_but_no_number_is_refused),
		EACH(a_damaged_number_is_refused),
		EACH(the_epoch_counts_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
