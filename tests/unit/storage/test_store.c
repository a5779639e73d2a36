/* Transactions: group commit, undoing alone, sealing, row numbers, failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/barrier.h"
#include "storage/store.h"

#define N_THREADS 64

struct fixture {
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
	fixture->arena = arena_new(1 << 24);
	fixture->barrier = barrier_new_keyring(1);
	if (store_open_memory(&settings, &fixture->store, &fixture->err) != 0)
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

struct change {
	const char *key, *value;
	int rc;
	uint64_t ret_batch;
};

static int
put_value(struct store_tx *tx, void *ctx, struct err *err)
{
	struct change *change = ctx;
	int rc =
		tx_put(tx, span_str(change->key), span_str(change->value), err);

	change->ret_batch = tx_batch(tx);
	if (rc == 0 && change->rc != 0)
		rc = err_set(err, change->rc, 400, "refused");
	return rc;
}

static int
put(struct fixture *fixture, const char *key, const char *value)
{
	struct change change = { .key = key, .value = value };

	err_clear(&fixture->err);
	return store_write(fixture->store, put_value, &change, &fixture->err);
}

struct look {
	const char *key;
	struct arena *arena;
	struct span ret_value;
};

static int
get_value(struct store_tx *tx, void *ctx, struct err *err)
{
	struct look *look = ctx;

	return tx_get(
		tx, span_str(look->key), look->arena, &look->ret_value, err);
}

/* The value as text; NULL: absent. */
static const char *
get(struct fixture *fixture, const char *key)
{
	struct look look = { .key = key, .arena = fixture->arena };
	int rc;

	err_clear(&fixture->err);
	rc = store_read(fixture->store, get_value, &look, &fixture->err);
	if (rc == ERR_ABSENT)
		return NULL;
	assert_int_equal(0, rc);
	return arena_strndup(
		fixture->arena, look.ret_value.data, look.ret_value.len);
}

static void
a_written_value_is_read_back(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(0, put(fixture, "cfg/a", "one"));
	assert_string_equal("one", get(fixture, "cfg/a"));
	assert_int_equal(0, put(fixture, "cfg/a", "two"));
	assert_string_equal("two", get(fixture, "cfg/a"));
	assert_null(get(fixture, "cfg/b"));
	assert_int_equal(404, fixture->err.status);
	assert_string_equal("", fixture->err.message);
}

/* ---- batches --------------------------------------------------------- */

/* A write that nobody waits for, and what was said of it. */
struct begun {
	struct store_job job; /* the first member */
	struct change change;
	struct err err;
	char key[16];
	sem_t done;
};

static void
note_done(struct store_job *job)
{
	sem_post(&((struct begun *)job)->done);
}

static void
begin(struct fixture *fixture, struct begun *begun, size_t i)
{
	(void)snprintf(begun->key, sizeof(begun->key), "k/%zu", i);
	begun->change.key = begun->key;
	begun->change.value = "v";
	begun->job = (struct store_job){ .fn = put_value,
		.ctx = &begun->change,
		.err = &begun->err,
		.done = note_done };
	sem_init(&begun->done, 0, 0);
	store_write_begin(fixture->store, &begun->job);
}

static int
wait_for_post(struct store_tx *tx, void *ctx, struct err *err)
{
	(void)tx;
	(void)err;
	sem_wait(ctx);
	return 0;
}

/* Hold the writer until the gate is posted. */
static void
hold_writer(struct fixture *fixture, struct begun *holder, sem_t *gate)
{
	sem_init(gate, 0, 0);
	sem_init(&holder->done, 0, 0);
	holder->job = (struct store_job){ .fn = wait_for_post,
		.ctx = gate,
		.err = &holder->err,
		.done = note_done };
	store_write_begin(fixture->store, &holder->job);
}

static void
waiting_functions_commit_together(void **state)
{
	static struct begun begun[64];
	struct begun holder = { .change.rc = 0 };
	sem_t gate;
	size_t i;

	hold_writer(*state, &holder, &gate);
	for (i = 0; i < ARRAY_LEN(begun); i++)
		begin(*state, &begun[i], i);
	sem_post(&gate);
	sem_wait(&holder.done);
	for (i = 0; i < ARRAY_LEN(begun); i++)
		sem_wait(&begun[i].done);
	/* One batch, or two where the first had not been begun. */
	assert_in_range(
		begun[i - 1].change.ret_batch - begun[0].change.ret_batch, 0,
		1);
}

struct crowd {
	struct fixture *fixture;
	pthread_barrier_t start;
	_Atomic uint32_t next;
	struct change changes[N_THREADS];
	char keys[N_THREADS][16];
	int rcs[N_THREADS];
};

static void *
crowd_main(void *arg)
{
	struct crowd *crowd = arg;
	uint32_t i = atomic_fetch_add(&crowd->next, 1);
	struct err err = { 0 };

	pthread_barrier_wait(&crowd->start);
	crowd->rcs[i] = store_write(
		crowd->fixture->store, put_value, &crowd->changes[i], &err);
	if (crowd->rcs[i] == ERR_INPUT)
		assert_string_equal("refused", err.message);
	return NULL;
}

/* 64 threads write at once; every 8th fails. */
static struct crowd *
run_crowd(struct fixture *fixture)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	pthread_t threads[N_THREADS];
	size_t i;

	crowd->fixture = fixture;
	pthread_barrier_init(&crowd->start, NULL, N_THREADS);
	for (i = 0; i < N_THREADS; i++) {
		snprintf(crowd->keys[i], sizeof(crowd->keys[i]), "row/%zu", i);
		crowd->changes[i].key = crowd->keys[i];
		crowd->changes[i].value = "v";
		crowd->changes[i].rc = i % 8 == 0 ? ERR_INPUT : 0;
		pthread_create(&threads[i], NULL, crowd_main, crowd);
	}
	for (i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&crowd->start);
	return crowd;
}

static void
a_failing_function_is_undone_alone(void **state)
{
	struct crowd *crowd = run_crowd(*state);
	size_t i;

	for (i = 0; i < N_THREADS; i++) {
		assert_int_equal(crowd->changes[i].rc, crowd->rcs[i]);
		if (i % 8 == 0)
			assert_null(get(*state, crowd->keys[i]));
		else
			assert_string_equal("v", get(*state, crowd->keys[i]));
	}
	free(crowd);
}

static void
batch_numbers_count_commits_alone(void **state)
{
	struct fixture *fixture = *state;
	struct change change = { .key = "a", .value = "1" };
	struct look look = { .key = "a", .arena = fixture->arena };
	uint64_t first;

	assert_int_equal(
		0, store_write(fixture->store, put_value, &change, NULL));
	first = change.ret_batch;
	assert_int_equal(
		0, store_write(fixture->store, get_value, &look, NULL));
	change.rc = ERR_INPUT;
	assert_int_equal(ERR_INPUT,
		store_write(fixture->store, put_value, &change, NULL));
	change.rc = 0;
	assert_int_equal(
		0, store_write(fixture->store, put_value, &change, NULL));
	assert_int_equal(first + 1, change.ret_batch);
}

static int
write_in_a_read(struct store_tx *tx, void *ctx, struct err *err)
{
	return put_value(tx, ctx, err);
}

static void
a_read_may_not_write(void **state)
{
	struct fixture *fixture = *state;
	struct change change = { .key = "a", .value = "1" };

	assert_int_equal(ERR_INTERNAL,
		store_read(fixture->store, write_in_a_read, &change, NULL));
	assert_null(get(fixture, "a"));
}

/* ---- sealing --------------------------------------------------------- */

static void
a_sealed_store_opens_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct look look = { .key = "a", .arena = fixture->arena };

	assert_int_equal(0, put(fixture, "a", "1"));
	store_set_barrier(fixture->store, NULL);
	assert_int_equal(ERR_SEALED, put(fixture, "a", "2"));
	assert_int_equal(503, fixture->err.status);
	assert_string_equal("Vault is sealed", fixture->err.message);
	assert_int_equal(
		ERR_SEALED, store_read(fixture->store, get_value, &look, NULL));
	store_set_barrier(fixture->store, fixture->barrier);
	assert_string_equal("1", get(fixture, "a"));
}

static int
clear_record(struct store_tx *tx, void *ctx, struct err *err)
{
	struct fixture *fixture = ctx;
	struct span value;

	assert_int_equal(ERR_INTERNAL,
		tx_put_clear(tx, span_str("cfg/x"), span_str("v"), NULL));
	assert_int_equal(
		0, tx_put_clear(tx, span_str("core/x"), span_str("v"), err));
	assert_int_equal(0,
		tx_get_clear(
			tx, span_str("core/x"), fixture->arena, &value, err));
	assert_true(span_equal(span_str("v"), value));
	return 0;
}

static void
clear_records_stand_under_core_alone(void **state)
{
	struct fixture *fixture = *state;
	struct look look = { .key = "core/x", .arena = fixture->arena };

	store_set_barrier(fixture->store, NULL);
	assert_int_equal(
		0, store_write(fixture->store, clear_record, fixture, NULL));
	store_set_barrier(fixture->store, fixture->barrier);
	assert_int_equal(
		ERR_CRYPTO, store_read(fixture->store, get_value, &look, NULL));
}

/* ---- scans ----------------------------------------------------------- */

static int
count_rows(void *ctx, struct span key, struct span value, struct err *err)
{
	size_t *n = ctx;

	(void)key;
	(void)err;
	assert_true(span_equal(span_str("v"), value));
	return ++*n == 5 ? 1 : 0;
}

static int
scan_five(struct store_tx *tx, void *ctx, struct err *err)
{
	return tx_scan(tx, span_str("row/"), SPAN_NONE, 0, false, count_rows,
		ctx, err);
}

static void
a_scan_opens_values_and_ends_when_told(void **state)
{
	struct fixture *fixture = *state;
	char key[16];
	size_t i, n = 0;

	for (i = 0; i < 9; i++) {
		snprintf(key, sizeof(key), "row/%zu", i);
		assert_int_equal(0, put(fixture, key, "v"));
	}
	assert_int_equal(0, store_read(fixture->store, scan_five, &n, NULL));
	assert_int_equal(5, n);
}

/* ---- the rest -------------------------------------------------------- */

static void
row_numbers_are_never_repeated(void **state)
{
	struct fixture *fixture = *state;
	uint64_t row, last = 0;
	size_t i;

	for (i = 0; i < 10000; i++) {
		assert_int_equal(
			0, store_row_number(fixture->store, &row, NULL));
		assert_true(row > last);
		last = row;
	}
}

static void
a_later_delete_goes_without_being_waited_for(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(0, put(fixture, "out/1", "1"));
	assert_int_equal(0, put(fixture, "out/2", "1"));
	store_delete_later(fixture->store, span_str("out/1"));
	assert_int_equal(0, put(fixture, "a", "1"));
	assert_null(get(fixture, "out/1"));
	store_delete_later(fixture->store, span_str("out/2"));
	while (get(fixture, "out/2") != NULL)
		usleep(10000);
}

static void
writes_that_nobody_waits_for_are_told_when_durable(void **state)
{
	static struct begun begun[100];
	size_t i;

	for (i = 0; i < ARRAY_LEN(begun); i++) {
		begun[i] = (struct begun){ .change.rc =
						   i % 8 == 0 ? ERR_INPUT : 0 };
		begin(*state, &begun[i], i);
	}
	for (i = 0; i < ARRAY_LEN(begun); i++) {
		sem_wait(&begun[i].done);
		assert_int_equal(begun[i].job.rc, begun[i].change.rc);
		if (i % 8 == 0)
			assert_string_equal(begun[i].err.message, "refused");
		else
			assert_string_equal("v", get(*state, begun[i].key));
	}
}

static void
a_begun_write_finds_a_full_queue_at_once(void **state)
{
	struct fixture *fixture = *state;
	/* A queue that the writer has taken whole, one that is full, and more.
	 */
	static struct begun begun[2 * 4096 + 1000];
	struct begun holder = { .change.rc = 0 };
	size_t i, refused = 0;
	sem_t gate;
	int was_done;

	hold_writer(fixture, &holder, &gate);
	for (i = 0; i < ARRAY_LEN(begun); i++)
		begin(fixture, &begun[i], i);
	/* The last ones were refused before anything was done. */
	was_done = sem_trywait(&begun[i - 1].done);
	sem_post(&gate);
	sem_wait(&holder.done);
	assert_int_equal(was_done, 0);
	assert_int_equal(begun[i - 1].job.rc, ERR_BUSY);
	assert_int_equal(begun[i - 1].err.status, 503);
	sem_post(&begun[i - 1].done);
	for (i = 0; i < ARRAY_LEN(begun); i++) {
		sem_wait(&begun[i].done);
		refused += begun[i].job.rc != 0;
	}
	/* The first may have been in the queue still, or at work already. */
	assert_in_range(refused, 1, ARRAY_LEN(begun) - 4096 + 1);
}

struct calling {
	struct store *store;
	int rc;
};

static void *
call(void *arg)
{
	struct calling *calling = arg;

	calling->rc = store_checkpoint(calling->store, NULL);
	return NULL;
}

/* A copy is made by many calls: one refused would end it half-way. */
static void
a_call_finds_room_in_a_full_queue(void **state)
{
	struct fixture *fixture = *state;
	static struct begun begun[2 * 4096 + 1000];
	struct begun holder = { .change.rc = 0 };
	struct calling calling = { .store = fixture->store };
	pthread_t thread;
	sem_t gate;

	hold_writer(fixture, &holder, &gate);
	for (size_t i = 0; i < ARRAY_LEN(begun); i++)
		begin(fixture, &begun[i], i);
	assert_int_equal(0, pthread_create(&thread, NULL, call, &calling));
	/* One that is refused ends meanwhile. */
	(void)usleep(200000);
	sem_post(&gate);
	pthread_join(thread, NULL);
	sem_wait(&holder.done);
	for (size_t i = 0; i < ARRAY_LEN(begun); i++)
		sem_wait(&begun[i].done);
	assert_int_equal(0, calling.rc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_written_value_is_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			waiting_functions_commit_together, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_failing_function_is_undone_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			batch_numbers_count_commits_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_read_may_not_write, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_sealed_store_opens_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			clear_records_stand_under_core_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_scan_opens_values_and_ends_when_told, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			row_numbers_are_never_repeated, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_later_delete_goes_without_being_waited_for, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			writes_that_nobody_waits_for_are_told_when_durable,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_begun_write_finds_a_full_queue_at_once, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_call_finds_room_in_a_full_queue, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
