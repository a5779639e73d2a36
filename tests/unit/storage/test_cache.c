/* Compiled records: shared, exact under races, bounded, gone when sealed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/barrier.h"
#include "storage/cache.h"
#include "storage/store.h"

#define CACHE_BYTES ((size_t)64 * 1024)

struct fixture {
	struct store *store;
	struct barrier *barrier;
	struct err err;
};

/* ---- a kind of object: a number -------------------------------------- */

struct number {
	uint32_t n;
};

static atomic_int n_compiled, n_live;
static size_t counted_size;

static int
compile_number(const void *ctx, struct span key, struct span value,
	void **ret_object, size_t *ret_size, struct err *err)
{
	struct number *number = NULL;

	(void)ctx;
	(void)key;
	if (value.len != sizeof(number->n))
		return err_set(err, ERR_CRYPTO, 500, "not a number");
	number = malloc(sizeof(*number));
	memcpy(&number->n, value.data, value.len);
	atomic_fetch_add(&n_compiled, 1);
	atomic_fetch_add(&n_live, 1);
	*ret_object = number;
	*ret_size = counted_size;
	return 0;
}

static void
free_number(void *object)
{
	atomic_fetch_sub(&n_live, 1);
	free(object);
}

static const struct compiled_type number_type = {
	.name = "number",
	.compile = compile_number,
	.free = free_number,
};

static const struct compiled_type other_type = {
	.name = "other",
	.compile = compile_number,
	.free = free_number,
};

/* ---- fixture --------------------------------------------------------- */

static int
setup(void **state)
{
	struct store_settings settings = { .cache_bytes = CACHE_BYTES };
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	atomic_store(&n_compiled, 0);
	counted_size = sizeof(struct number);
	fixture->barrier = barrier_new_keyring(1);
	if (store_open_memory(&settings, &fixture->store, NULL) != 0)
		return 1;
	store_set_barrier(fixture->store, fixture->barrier);
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	store_close(&fixture->store);
	barrier_free(&fixture->barrier);
	free(fixture);
	assert_int_equal(0, atomic_load(&n_live));
	return 0;
}

struct change {
	const char *key;
	uint32_t n;
	size_t len;
};

static int
put_number(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct change *change = ctx;

	return tx_put(tx, span_str(change->key),
		span_of(&change->n, change->len), err);
}

static void
put(struct fixture *fixture, const char *key, uint32_t n)
{
	struct change change = { key, n, sizeof(n) };

	assert_int_equal(
		0, store_write(fixture->store, put_number, &change, NULL));
}

static int
delete_key(struct store_tx *tx, void *ctx, struct err *err)
{
	return tx_delete(tx, span_str(ctx), err);
}

static struct compiled *
find(struct fixture *fixture, const char *key)
{
	struct compiled *ref = NULL;

	err_clear(&fixture->err);
	(void)store_compiled(fixture->store, span_str(key), &number_type, &ref,
		&fixture->err);
	return ref;
}

/* The number of a record; -1: absent. */
static int64_t
number_of(struct fixture *fixture, const char *key)
{
	struct compiled *ref = NULL;
	const struct number *number = NULL;
	int64_t n = -1;

	(void)store_compiled(
		fixture->store, span_str(key), &number_type, &ref, NULL);
	if (ref != NULL) {
		number = compiled_object(ref);
		n = number->n;
	}
	compiled_unref(&ref);
	return n;
}

/* ---- tests ----------------------------------------------------------- */

static void
an_object_is_compiled_once_and_shared(void **state)
{
	struct fixture *fixture = *state;
	struct compiled *one = NULL, *two = NULL;

	put(fixture, "a", 7);
	one = find(fixture, "a");
	two = find(fixture, "a");
	assert_ptr_equal(compiled_object(one), compiled_object(two));
	assert_int_equal(1, atomic_load(&n_compiled));
	compiled_unref(&one);
	compiled_unref(&two);
	assert_null(one);
}

static void
a_change_is_seen_by_the_next_look(void **state)
{
	struct fixture *fixture = *state;
	char delete_me[] = "a";

	assert_null(find(fixture, "a"));
	assert_int_equal(404, fixture->err.status);
	assert_string_equal("", fixture->err.message);
	put(fixture, "a", 1);
	assert_int_equal(1, number_of(fixture, "a"));
	put(fixture, "a", 2);
	assert_int_equal(2, number_of(fixture, "a"));
	assert_int_equal(
		0, store_write(fixture->store, delete_key, delete_me, NULL));
	assert_int_equal(-1, number_of(fixture, "a"));
}

static void
an_object_outlives_its_record_while_referred_to(void **state)
{
	struct fixture *fixture = *state;
	struct compiled *old = NULL;
	const struct number *number = NULL;

	put(fixture, "a", 1);
	old = find(fixture, "a");
	put(fixture, "a", 2);
	assert_int_equal(2, number_of(fixture, "a"));
	store_set_barrier(fixture->store, NULL);
	number = compiled_object(old);
	assert_int_equal(1, number->n);
	compiled_unref(&old);
	assert_int_equal(0, atomic_load(&n_live));
}

static void
types_do_not_share_objects(void **state)
{
	struct fixture *fixture = *state;
	struct compiled *ref = NULL;

	put(fixture, "a", 1);
	assert_int_equal(1, number_of(fixture, "a"));
	assert_int_equal(0,
		store_compiled(fixture->store, span_str("a"), &other_type, &ref,
			NULL));
	assert_int_equal(2, atomic_load(&n_compiled));
	compiled_unref(&ref);
}

static void
a_record_that_does_not_compile_is_told_each_time(void **state)
{
	struct fixture *fixture = *state;
	struct change change = { "a", 1, 3 };

	assert_int_equal(
		0, store_write(fixture->store, put_number, &change, NULL));
	assert_null(find(fixture, "a"));
	assert_int_equal(ERR_CRYPTO, fixture->err.code);
	assert_null(find(fixture, "a"));
	assert_int_equal(ERR_CRYPTO, fixture->err.code);
}

static void
a_sealed_store_gives_no_objects(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "a", 1);
	assert_int_equal(1, number_of(fixture, "a"));
	store_set_barrier(fixture->store, NULL);
	assert_int_equal(0, atomic_load(&n_live));
	assert_null(find(fixture, "a"));
	assert_int_equal(ERR_SEALED, fixture->err.code);
}

static void
the_cap_holds_and_spares_what_is_used(void **state)
{
	struct fixture *fixture = *state;
	char key[16];
	uint32_t i;
	int before;

	counted_size = 500;
	put(fixture, "hot", 1);
	for (i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "cold/%u", i);
		put(fixture, key, i);
		assert_int_equal(i, number_of(fixture, key));
		assert_int_equal(1, number_of(fixture, "hot"));
	}
	assert_in_range(atomic_load(&n_live), 1, CACHE_BYTES / counted_size);
	before = atomic_load(&n_compiled);
	assert_int_equal(1, number_of(fixture, "hot"));
	/* Never given up since it first came. */
	assert_int_equal(before, atomic_load(&n_compiled));
	assert_int_equal(1001, before);
}

static void
an_object_too_large_to_keep_is_still_given(void **state)
{
	struct fixture *fixture = *state;

	counted_size = CACHE_BYTES;
	put(fixture, "a", 5);
	assert_int_equal(5, number_of(fixture, "a"));
	assert_int_equal(0, atomic_load(&n_live));
}

/* ---- exactness ------------------------------------------------------- */

static struct fixture *changing; /* whose record changes meanwhile, once */

/* Between reading the old value and keeping what it gives. */
static int
compile_while_it_changes(const void *ctx, struct span key, struct span value,
	void **ret_object, size_t *ret_size, struct err *err)
{
	if (changing != NULL)
		put(changing, "a", 2);
	changing = NULL;
	return compile_number(ctx, key, value, ret_object, ret_size, err);
}

static const struct compiled_type changing_type = {
	.name = "changing",
	.compile = compile_while_it_changes,
	.free = free_number,
};

static void
what_was_read_before_a_change_is_not_kept(void **state)
{
	struct fixture *fixture = *state;
	struct compiled *ref = NULL;
	const struct number *number = NULL;

	put(fixture, "a", 1);
	changing = fixture;
	assert_int_equal(0,
		store_compiled(fixture->store, span_str("a"), &changing_type,
			&ref, NULL));
	compiled_unref(&ref);
	assert_int_equal(0,
		store_compiled(fixture->store, span_str("a"), &changing_type,
			&ref, NULL));
	number = compiled_object(ref);
	assert_int_equal(2, number->n);
	compiled_unref(&ref);
}

#define N_RECORDS 4
#define N_READERS 4
#define N_WRITES 3000

struct race {
	struct fixture *fixture;
	_Atomic uint32_t answered[N_RECORDS]; /* the last durable number */
	atomic_bool stop;
	atomic_int stale;
};

static const char *const race_keys[N_RECORDS] = { "r/0", "r/1", "r/2", "r/3" };

/* What was answered before the look must be seen by it, or something newer. */
static void *
read_race(void *arg)
{
	struct race *race = arg;
	uint32_t before, i = 0;

	while (!atomic_load(&race->stop)) {
		i = (i + 1) % N_RECORDS;
		before = atomic_load(&race->answered[i]);
		if (number_of(race->fixture, race_keys[i]) < before)
			atomic_fetch_add(&race->stale, 1);
	}
	return NULL;
}

static void
no_look_gives_less_than_what_was_answered(void **state)
{
	struct race race = { .fixture = *state };
	pthread_t threads[N_READERS];
	uint32_t i;

	for (i = 0; i < N_RECORDS; i++)
		put(*state, race_keys[i], 0);
	for (i = 0; i < N_READERS; i++)
		pthread_create(&threads[i], NULL, read_race, &race);
	for (i = 1; i <= N_WRITES; i++) {
		put(*state, race_keys[i % N_RECORDS], i);
		atomic_store(&race.answered[i % N_RECORDS], i);
	}
	atomic_store(&race.stop, true);
	for (i = 0; i < N_READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(0, atomic_load(&race.stale));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(an_object_is_compiled_once_and_shared),
		EACH(a_change_is_seen_by_the_next_look),
		EACH(an_object_outlives_its_record_while_referred_to),
		EACH(types_do_not_share_objects),
		EACH(a_record_that_does_not_compile_is_told_each_time),
		EACH(a_sealed_store_gives_no_objects),
		EACH(the_cap_holds_and_spares_what_is_used),
		EACH(an_object_too_large_to_keep_is_still_given),
		EACH(what_was_read_before_a_change_is_not_kept),
		EACH(no_look_gives_less_than_what_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
