/*
 * A key is counted over restarts and kills, and a new one comes before it has
 * sealed too much (reliability.md R32). Servers run in processes of their own,
 * on one store, with the limit lowered to a thousand; the share of it that is
 * left when the new key is due is that of the real limit.
 */
#include "server/core/key_watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/random.h"
#include "storage/backend.h"
#include "storage/faulty.h"
#include "storage/memory.h"
#include "tests/support/figures.h"
#include "tests/unit/core/server_fixture.h"

#define LIMIT 1000
#define DUE (LIMIT / 10 * 9)
#define PATIENCE_S 120

/* What the processes share. */
struct world {
	char directory[64], path[96];
	struct keeper_share share;
	_Atomic bool up;
	_Atomic uint64_t n_durable; /* records 0 to n_durable - 1 are */
	_Atomic uint32_t term;
	_Atomic uint64_t n_unreadable;
};

static struct world *world;

/* Only the parent asserts: in a child that would run its tests again. */
static void
must(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "child: %s\n", what);
	_exit(1);
}

/* ---- a server in a process of its own ---------------------------------- */

static void
open_store(struct server_fixture *fixture)
{
	struct store_settings settings = { .path = world->path,
		.create = true };
	struct store *store = NULL;

	must(store_open_sqlite(&settings, &store, NULL) == 0, "store");
	must(server_new(&fixture->settings, clock_system(), store, NULL,
		     fixture_types, &fixture->server, NULL) == 0,
		"server");
}

static void
unseal(struct server_fixture *fixture)
{
	struct err err = { 0 };
	struct seal_status status;

	seal_get_status(fixture->server->seal, &status);
	if (!status.initialized) {
		must(seal_init(fixture->server->seal, 1, 1, "", fixture->arena,
			     &fixture->made, &err) == 0,
			err.message);
		world->share = fixture->made.shares[0];
	}
	must(seal_unseal(fixture->server->seal,
		     secret_view_of(world->share.bytes, world->share.len),
		     &err) == 0,
		err.message);
}

static struct server_fixture *
start_server(uint64_t key_uses_max)
{
	struct server_fixture *fixture = server_fixture_new();

	fixture->settings.key_uses_max = key_uses_max;
	open_store(fixture);
	unseal(fixture);
	return fixture;
}

static uint64_t
look_at_key(struct server_fixture *fixture)
{
	struct barrier *barrier = seal_hold_barrier(fixture->server->seal);
	uint32_t term;
	int64_t installed_s;
	uint64_t n;

	must(barrier != NULL, "sealed");
	barrier_status(barrier, &term, &installed_s, &n);
	seal_release_barrier(fixture->server->seal);
	atomic_store(&world->term, term);
	return n;
}

struct record {
	char text[32];
	uint64_t number;
};

static struct record
record_of(uint64_t number)
{
	struct record record = { .number = number };

	(void)snprintf(record.text, sizeof(record.text), "cfg/test/%llu",
		(unsigned long long)number);
	return record;
}

static int
put_record(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct record *record = ctx;

	return tx_put(tx, span_str(record->text), span_str(record->text), err);
}

static void
write_record(struct server_fixture *fixture)
{
	struct record record = record_of(atomic_load(&world->n_durable));

	must(store_write(fixture->server->store, put_record, &record, NULL) ==
			0,
		"write");
	atomic_fetch_add(&world->n_durable, 1);
}

/*
 * Write for ever, but leave the server the time for its new key, which a
 * thousandth of the real limit would not.
 */
static void
write_on(void)
{
	struct server_fixture *fixture = start_server(DUE);

	atomic_store(&world->up, true);
	for (;;) {
		if (look_at_key(fixture) < DUE + (LIMIT - DUE) / 2)
			write_record(fixture);
		else
			usleep(1000);
	}
}

/* New keys one after the other, while there is room. */
static void *
rotate_on(void *arg)
{
	struct server_fixture *fixture = arg;
	struct err err = { 0 };
	int rc = 0;

	while (rc == 0)
		rc = seal_rotate_key(fixture->server->seal, &err);
	must(rc == ERR_LIMIT, err.message);
	return NULL;
}

static void
write_while_keys_change(void)
{
	struct server_fixture *fixture = start_server(0);
	pthread_t thread;

	must(pthread_create(&thread, NULL, rotate_on, fixture) == 0, "thread");
	atomic_store(&world->up, true);
	for (;;)
		write_record(fixture);
}

static int
get_record(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct record *record = ctx;
	struct arena *arena = arena_new(ARENA_CHUNK);
	struct span value;
	int rc = tx_get(tx, span_str(record->text), arena, &value, err);

	if (rc == 0 && !span_equal(value, span_str(record->text)))
		rc = ERR_CRYPTO;
	arena_free(&arena);
	return rc;
}

static void
read_all(void)
{
	struct server_fixture *fixture = start_server(DUE);
	uint64_t n = atomic_load(&world->n_durable);

	(void)look_at_key(fixture);
	for (uint64_t i = 0; i < n; i++) {
		struct record record = record_of(i);

		if (store_read(fixture->server->store, get_record, &record,
			    NULL) != 0)
			atomic_fetch_add(&world->n_unreadable, 1);
	}
	server_fixture_free(fixture);
	_exit(0);
}

/* ---- the parent --------------------------------------------------------- */

static pid_t
start_child(void (*run)(void))
{
	pid_t pid;

	atomic_store(&world->up, false);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		run();
		_exit(1);
	}
	return pid;
}

/* Kill it when so many more records are durable. */
static void
kill_after(pid_t pid, uint64_t n_records, uint64_t more_us)
{
	uint64_t until = atomic_load(&world->n_durable) + n_records;
	int status = 0;

	for (int i = 0; i < PATIENCE_S * 1000; i++) {
		if (atomic_load(&world->up) &&
			atomic_load(&world->n_durable) >= until)
			break;
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		usleep(1000);
	}
	usleep((useconds_t)more_us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(atomic_load(&world->n_durable) >= until);
}

static void
wait_for(pid_t pid)
{
	int status = 1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The most values in the file that one term has sealed. */
static uint64_t
most_under_one_key(void)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	uint64_t most = 0;

	assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
			"SELECT max(n) FROM (SELECT count(*) AS n FROM kv"
			" WHERE substr(value, 1, 1) = x'01'"
			" GROUP BY substr(value, 2, 4))",
			-1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	most = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return most;
}

static void
a_new_key_comes_in_time_whatever_is_killed(void **state)
{
	const uint64_t n_kills = figures_count("KEY_KILLS", 20, 400);
	uint64_t n, most;

	(void)state;
	for (uint64_t i = 0; i < n_kills; i++)
		kill_after(start_child(write_on), 150 + random_below(200),
			random_below(3000));
	wait_for(start_child(read_all));
	n = atomic_load(&world->n_durable);
	most = most_under_one_key();
	figures_report("R32", n,
		atomic_load(&world->n_unreadable) + (most > LIMIT),
		"values under keys of 1,000");
	assert_int_equal(atomic_load(&world->n_unreadable), 0);
	assert_true(most <= LIMIT);
	/* Not sooner than is due either, the few of each kill aside. */
	assert_true(atomic_load(&world->term) > n / LIMIT);
	assert_true(atomic_load(&world->term) <= n / (DUE / 2) + 1);
}

static void
a_kill_while_keys_change_loses_no_record(void **state)
{
	const uint64_t n_kills = figures_count("ROTATION_KILLS", 10, 30);

	(void)state;
	for (uint64_t i = 0; i < n_kills; i++)
		kill_after(start_child(write_while_keys_change),
			random_below(6), random_below(4000));
	wait_for(start_child(read_all));
	figures_report("R32", n_kills, atomic_load(&world->n_unreadable),
		"kills while keys change");
	assert_int_equal(atomic_load(&world->n_unreadable), 0);
	assert_true(atomic_load(&world->term) > n_kills);
}

/* A server in this process, whose store fails when told. */
static struct server_fixture *
start_faulty(struct backend **ret_backend)
{
	struct server_fixture *fixture = server_fixture_new();
	struct store_settings settings = { .create = true };
	struct store *store = NULL;

	*ret_backend = faulty_backend_new(memory_backend_new());
	assert_int_equal(
		store_open_backend(*ret_backend, &settings, &store, NULL), 0);
	assert_int_equal(server_new(&fixture->settings, clock_system(), store,
				 NULL, fixture_types, &fixture->server, NULL),
		0);
	unseal(fixture);
	return fixture;
}

static void
a_key_that_was_not_kept_seals_nothing(void **state)
{
	struct backend *backend = NULL;
	struct server_fixture *fixture = start_faulty(&backend);
	struct record record = record_of(0);
	struct err err = { 0 };
	uint32_t term = 0;
	int rc = 0;

	(void)state;
	/* The fault may meet another write than the one meant. */
	while (rc == 0) {
		(void)look_at_key(fixture);
		term = atomic_load(&world->term);
		faulty_fail(backend, FAULTY_PUT, 1, ENOSPC);
		rc = seal_rotate_key(fixture->server->seal, &err);
	}
	faulty_fail(backend, FAULTY_PUT, 0, 0);
	assert_int_equal(rc, ERR_FULL);
	(void)look_at_key(fixture);
	assert_int_equal(atomic_load(&world->term), term);
	write_record(fixture);
	fixture->made.shares = &world->share;
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	assert_int_equal(
		store_read(fixture->server->store, get_record, &record, NULL),
		0);
	server_fixture_free(fixture);
}

static int
setup(void **state)
{
	(void)state;
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(world != MAP_FAILED);
	(void)snprintf(world->directory, sizeof(world->directory),
		"/tmp/sallyport-keys-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	(void)snprintf(world->path, sizeof(world->path), "%s/store.db",
		world->directory);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		(void)snprintf(
			path, sizeof(path), "%s%s", world->path, ends[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(world->directory), 0);
	return munmap(world, sizeof(*world));
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		EACH(a_new_key_comes_in_time_whatever_is_killed),
		EACH(a_kill_while_keys_change_loses_no_record),
		EACH(a_key_that_was_not_kept_seals_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
