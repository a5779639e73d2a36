/* What the store makes of a backend that fails at any of its calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "storage/barrier.h"
#include "storage/faulty.h"
#include "storage/memory.h"

struct fixture {
	struct backend *backend;
	struct store *store;
	struct barrier *barrier;
	struct arena *arena;
	struct err err;
};

static int
setup(void **state)
{
	struct store_settings settings = { .create = true };
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	fixture->arena = arena_new(1 << 20);
	fixture->barrier = barrier_new_keyring(1);
	fixture->backend = faulty_backend_new(memory_backend_new());
	if (store_open_backend(
		    fixture->backend, &settings, &fixture->store, NULL) != 0)
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
	arena_free(&fixture->arena);
	free(fixture);
	return 0;
}

static int
change_all(struct store_tx *tx, void *ctx, struct err *err)
{
	struct span *value = ctx;
	int rc = tx_put(tx, span_str("a"), *value, err);

	if (rc == 0)
		rc = tx_delete(tx, span_str("b"), err);
	return rc != 0 ? rc : tx_due_put(tx, 1, span_str("a"), err);
}

/* Its batch runs a second time, with savepoints. */
static int
change_and_refuse(struct store_tx *tx, void *ctx, struct err *err)
{
	int rc = change_all(tx, ctx, err);

	return rc != 0 ? rc : err_set(err, ERR_INPUT, 400, "refused");
}

/* Goes on as if nothing had happened. */
static int
change_and_ignore(struct store_tx *tx, void *ctx, struct err *err)
{
	(void)change_all(tx, ctx, err);
	return 0;
}

static int
read_one(struct store_tx *tx, void *ctx, struct err *err)
{
	struct fixture *fixture = ctx;
	struct span value;

	return tx_get(tx, span_str("a"), fixture->arena, &value, err);
}

static int
exists_one(struct store_tx *tx, void *ctx, struct err *err)
{
	bool *exists = ctx;

	(void)err;
	*exists = tx_exists(tx, span_str("a"));
	return 0;
}

static int
change(struct fixture *fixture, store_fn *fn)
{
	struct span value = span_str("1");

	err_clear(&fixture->err);
	return store_write(fixture->store, fn, &value, &fixture->err);
}

static const struct {
	enum faulty_call call;
	store_fn *fn;
} changing[] = {
	{ FAULTY_BEGIN, change_all },
	{ FAULTY_SAVEPOINT, change_and_refuse },
	{ FAULTY_PUT, change_all },
	{ FAULTY_DEL, change_all },
	{ FAULTY_DUE, change_all },
	{ FAULTY_COMMIT, change_all },
};

static void
no_room_undoes_the_batch_and_passes(void **state)
{
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(changing); i++) {
		faulty_fail(fixture->backend, changing[i].call, 1, ENOSPC);
		assert_int_equal(ERR_FULL, change(fixture, changing[i].fn));
		assert_int_equal(503, fixture->err.status);
		assert_string_equal(
			"storage unavailable", fixture->err.message);
		assert_int_equal(ERR_ABSENT,
			store_read(fixture->store, read_one, fixture, NULL));
		assert_false(store_failed(fixture->store));
	}
	assert_int_equal(ERR_INPUT, change(fixture, change_and_refuse));
	assert_int_equal(0, change(fixture, change_all));
}

static void
a_failure_cannot_be_overlooked(void **state)
{
	struct fixture *fixture = *state;

	faulty_fail(fixture->backend, FAULTY_DEL, 1, ENOSPC);
	assert_int_equal(ERR_FULL, change(fixture, change_and_ignore));
	assert_int_equal(ERR_ABSENT,
		store_read(fixture->store, read_one, fixture, NULL));
}

static void
count_call(void *ctx)
{
	atomic_fetch_add((atomic_int *)ctx, 1);
}

static void
a_failed_commit_is_final(void **state)
{
	struct fixture *fixture = *state;
	atomic_int told = 0;

	store_on_failure(fixture->store, count_call, &told);
	assert_int_equal(0, change(fixture, change_all));
	faulty_fail(fixture->backend, FAULTY_COMMIT, 1, EIO);
	assert_int_equal(ERR_STORAGE, change(fixture, change_all));
	assert_int_equal(503, fixture->err.status);
	assert_true(store_failed(fixture->store));
	assert_int_equal(ERR_STORAGE, change(fixture, change_all));
	assert_int_equal(ERR_STORAGE,
		store_read(fixture->store, read_one, fixture, NULL));
	store_close(&fixture->store);
	assert_int_equal(1, atomic_load(&told));
}

static void
a_failed_checkpoint_write_is_final(void **state)
{
	struct fixture *fixture = *state;

	faulty_fail(fixture->backend, FAULTY_CHECKPOINT, 1, EIO);
	assert_int_equal(ERR_STORAGE, store_checkpoint(fixture->store, NULL));
	assert_true(store_failed(fixture->store));
}

static void
a_failed_read_is_an_answer_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	bool exists;

	assert_int_equal(0, change(fixture, change_all));
	faulty_fail(fixture->backend, FAULTY_GET, 1, EIO);
	assert_int_equal(ERR_SYSTEM,
		store_read(fixture->store, read_one, fixture, NULL));
	faulty_fail(fixture->backend, FAULTY_READER, 1, EIO);
	assert_int_equal(ERR_SYSTEM,
		store_read(fixture->store, read_one, fixture, NULL));
	faulty_fail(fixture->backend, FAULTY_GET, 1, EIO);
	assert_int_equal(ERR_SYSTEM,
		store_write(fixture->store, exists_one, &exists, NULL));
	faulty_fail(fixture->backend, FAULTY_GET, 1, EIO);
	assert_int_equal(ERR_SYSTEM,
		store_read(fixture->store, exists_one, &exists, NULL));
	assert_int_equal(
		0, store_read(fixture->store, exists_one, &exists, NULL));
	assert_true(exists);
	assert_false(store_failed(fixture->store));
}

static void
later_deletes_outlast_a_full_disk(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(0, change(fixture, change_all));
	faulty_fail(fixture->backend, FAULTY_BEGIN, 1, ENOSPC);
	store_delete_later(fixture->store, span_str("x"));
	assert_int_equal(ERR_FULL, change(fixture, change_all));
	assert_int_equal(0, change(fixture, change_all));
	/* b of each change, and x. */
	assert_int_equal(3, faulty_count(fixture->backend, FAULTY_DEL));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(no_room_undoes_the_batch_and_passes),
		EACH(a_failure_cannot_be_overlooked),
		EACH(a_failed_commit_is_final),
		EACH(a_failed_checkpoint_write_is_final),
		EACH(a_failed_read_is_an_answer_of_its_own),
		EACH(later_deletes_outlast_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
