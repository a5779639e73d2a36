/*
 * What lies on other machines is taken off them: at once, again after each
 * failure, behind restarts and crashes, one call at a time for each machine.
 */
#include "server/core/takeback.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server/core/expire.h"
#include "server/core/takeback_ask.h"
#include "server/outbound/outbound.h"
#include "storage/faulty.h"
#include "storage/memory.h"
#include "tests/support/demo_machines.h"

#define FIXTURE_LEASE_HOOKS &demo_lease_hooks
#include "tests/unit/core/server_fixture.h"

#define CRASHED 9

static struct server_fixture *fixture;
static char dir[40];
static char mount_uuid[37];

static struct store *
store(void)
{
	return fixture->server->store;
}

/* Time goes on, and nobody sleeps through it. */
static void
pass(int64_t s)
{
	server_fixture_advance(fixture, s);
	takeback_notice(fixture->server->takeback);
}

/* ---- leases and machines ------------------------------------------------ */

struct lease_put {
	struct lease lease;
	int64_t ttl_s;
};

static int
insert_lease(struct store_tx *tx, void *ctx, struct err *err)
{
	struct lease_put *put = ctx;

	put->lease.issue_ns = tx_now_ns(tx);
	put->lease.expire_s = tx_now_s(tx) + put->ttl_s;
	return lease_insert(tx, &put->lease, err);
}

/* A key on a machine, as a live lease has it. */
static struct rowref
install(int machine, const char *path, int64_t ttl_s)
{
	struct lease_put put = {
		.lease = { .kind = LEASE_DYNAMIC, .state = LEASE_LIVE },
		.ttl_s = ttl_s,
	};
	struct err err = { 0 };
	char data[16];

	(void)snprintf(data, sizeof(data), "m%d/key", machine);
	put.lease.data = span_str(data);
	assert_int_equal(lease_path_number(store(), mount_uuid, path,
				 &put.lease.ref.path, &err),
		0);
	assert_int_equal(
		store_row_number(store(), &put.lease.ref.row, &err), 0);
	assert_int_equal(store_write(store(), insert_lease, &put, &err), 0);
	expire_notice(fixture->server->expire, put.lease.expire_s);
	demo_machines[machine].n_keys++;
	return put.lease.ref;
}

static void
revoke_all(void)
{
	struct err err = { 0 };

	assert_int_equal(lease_revoke_prefix(store(), mount_uuid, "", &err), 0);
	takeback_notice(fixture->server->takeback);
}

static struct lease_queue_size
queued(void)
{
	struct lease_queue_size size;
	struct err err = { 0 };

	assert_int_equal(lease_queue_size(store(), NULL, &size, &err), 0);
	return size;
}

/* These fail by the test runner's limit where it never happens. */
static void
wait_until_queued(uint64_t n)
{
	while (queued().n_pending != n)
		(void)usleep(2000);
}

struct reading {
	struct rowref ref;
	struct arena *arena;
	struct lease lease;
};

static int
read_row(struct store_tx *tx, void *ctx, struct err *err)
{
	struct reading *reading = ctx;

	return lease_get(
		tx, reading->ref, reading->arena, &reading->lease, err);
}

static struct lease
get(struct rowref ref)
{
	struct reading reading = { .ref = ref, .arena = fixture->arena };
	struct err err = { 0 };

	assert_int_equal(store_read(store(), read_row, &reading, &err), 0);
	return reading.lease;
}

/* A claim leads far ahead while the call goes on; a failure is counted. */
static struct lease
wait_for_attempts(struct rowref ref, uint32_t n)
{
	while (get(ref).takeback.attempts < n)
		(void)usleep(2000);
	return get(ref);
}

/* ---- the server --------------------------------------------------------- */

static void
find_mount(void)
{
	struct mount *mount = mounts_find(fixture->server->mounts, "ssh/");

	assert_non_null(mount);
	memcpy(mount_uuid, mount->uuid, sizeof(mount_uuid));
	mount_unref(fixture->server->mounts, &mount);
}

static void
add_mount(void)
{
	struct mount_wanted wanted = { .path = "ssh/", .type = "ssh" };
	struct err err = { 0 };

	assert_int_equal(mounts_add(fixture->server->mounts, &wanted, &err), 0);
	find_mount();
}

static int
setup(void **state)
{
	(void)state;
	demo_machines_reset();
	fixture = server_fixture_open();
	add_mount();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	server_fixture_free(fixture);
	return 0;
}

/* In memory, with faults on order. */
static struct backend *backend;

static int
setup_faulty(void **state)
{
	struct store_settings settings = { .create = true };
	struct store *faulty = NULL;

	(void)state;
	demo_machines_reset();
	fixture = server_fixture_new();
	settings.clock = &fixture->clock.clock;
	backend = faulty_backend_new(memory_backend_new());
	assert_int_equal(
		store_open_backend(backend, &settings, &faulty, NULL), 0);
	server_fixture_serve(fixture, faulty);
	server_fixture_init(fixture);
	add_mount();
	return 0;
}

static int
setup_file(void **state)
{
	static char path[64];

	(void)state;
	demo_machines_reset();
	memcpy(dir, "/tmp/test-takeback.XXXXXX", 26);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	fixture = server_fixture_open_at(path);
	add_mount();
	return 0;
}

static int
teardown_file(void **state)
{
	static const char *const names[] = { "", "-wal", "-shm", ".lock" };
	char path[64];

	(void)teardown(state);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(
			path, sizeof(path), "%s/store.db%s", dir, names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

static void
start(void)
{
	server_fixture_start(fixture);
	server_fixture_unseal(fixture);
	find_mount();
}

/* ---- tests -------------------------------------------------------------- */

static void
what_ends_is_taken_off_its_machine(void **state)
{
	(void)state;
	(void)install(1, "creds/a", 600);
	(void)install(1, "creds/b", 600);
	(void)install(2, "creds/a", 600);
	revoke_all();
	wait_until_queued(0);
	assert_int_equal(demo_machines[1].n_keys, 0);
	assert_int_equal(demo_machines[2].n_keys, 0);
	assert_int_equal(demo_machines[1].n_calls, 2);
}

static void
what_expires_is_too(void **state)
{
	struct rowref ref;

	(void)state;
	(void)install(1, "creds/a", 10);
	ref = install(1, "creds/a", 20);
	pass(10);
	while (demo_machines[1].n_keys != 1)
		(void)usleep(2000);
	assert_int_equal(get(ref).state, LEASE_LIVE);
	pass(10);
	while (demo_machines[1].n_keys != 0)
		(void)usleep(2000);
	wait_until_queued(0);
}

static void
what_fails_is_tried_again_with_growing_waits(void **state)
{
	struct rowref ref = install(1, "creds/a", 600);
	int64_t last_s = 0;

	(void)state;
	demo_machines[1].rc = ERR_INPUT;
	revoke_all();
	for (uint32_t n = 1; n <= 13; n++) {
		struct lease lease = wait_for_attempts(ref, n);
		int64_t now_s = store_now_s(store());
		int64_t wait_s = lease.takeback.next_try_s - now_s;
		int64_t least_s = n <= 10 ? 1 << (n - 1) : 600;

		assert_in_range(wait_s, least_s, least_s + least_s / 4);
		assert_true(wait_s >= last_s || wait_s >= 600);
		assert_true(span_equal(lease.takeback.why, span_str(DEMO_WHY)));
		assert_int_equal(queued().n_irrevocable, n >= 6);
		last_s = wait_s;
		if (n == 13)
			demo_machines[1].rc = 0;
		pass(wait_s);
	}
	wait_until_queued(0);
	assert_int_equal(demo_machines[1].n_keys, 0);
	assert_int_equal(demo_machines[1].n_calls, 14);
}

/* Whoever mends a machine does not wait for ten minutes. */
static void
a_mended_machine_is_tried_again_at_once(void **state)
{
	struct rowref refs[3], other;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refs); i++)
		refs[i] = install(1, "creds/a", 600);
	other = install(2, "creds/a", 600);
	demo_machines[1].rc = ERR_PEER;
	demo_machines[2].rc = ERR_PEER;
	revoke_all();
	(void)wait_for_attempts(other, 1);
	for (size_t i = 0; i < ARRAY_LEN(refs); i++)
		(void)wait_for_attempts(refs[i], 1);
	demo_machines[1].rc = 0;
	demo_machines[2].rc = 0;
	assert_int_equal(takeback_again(fixture->server->takeback, mount_uuid,
				 "m1", &err),
		0);
	wait_until_queued(1);
	assert_int_equal(get(other).takeback.attempts, 1);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

/* One call tells it for all; the others do not wait for it. */
static void
a_machine_that_is_down_puts_its_leases_off(void **state)
{
	const int down[] = { ERR_PEER, ERR_TIMEOUT };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(down); i++) {
		struct rowref refs[30];
		int before = demo_machines[1].n_calls;

		demo_machines[1].rc = down[i];
		for (size_t j = 0; j < ARRAY_LEN(refs); j++) {
			refs[j] = install(1, "creds/a", 600);
			(void)install(2, "creds/a", 600);
		}
		revoke_all();
		for (size_t j = 0; j < ARRAY_LEN(refs); j++) {
			struct lease lease = wait_for_attempts(refs[j], 1);

			assert_true(span_equal(
				lease.takeback.why, span_str(DEMO_WHY)));
		}
		wait_until_queued(ARRAY_LEN(refs));
		assert_int_equal(demo_machines[2].n_keys, 0);
		/* Revoked in steps: a second look may have found more. */
		assert_in_range(demo_machines[1].n_calls - before, 1, 2);
		demo_machines[1].rc = 0;
		pass(3);
		wait_until_queued(0);
		assert_int_equal(demo_machines[1].n_keys, 0);
	}
}

/* What is of one lease alone keeps no other waiting. */
static void
a_lease_that_fails_alone_stops_no_other(void **state)
{
	struct rowref bad;
	struct err err = { 0 };

	(void)state;
	demo_machines[1].rc = ERR_INPUT;
	bad = install(1, "creds/a", 600);
	revoke_all();
	(void)wait_for_attempts(bad, 1);
	demo_machines[1].rc = 0;
	(void)install(1, "creds/b", 600);
	assert_int_equal(
		lease_revoke_prefix(store(), mount_uuid, "creds/b", &err), 0);
	wait_until_queued(1);
	assert_int_equal(get(bad).takeback.attempts, 1);
}

/* A call that could not be made is no attempt. */
static void
a_call_that_was_not_made_is_not_counted(void **state)
{
	struct rowref ref = install(1, "creds/a", 600);

	(void)state;
	demo_machines[1].rc = ERR_BUSY;
	revoke_all();
	while (demo_machines[1].n_calls < 3) {
		pass(1);
		(void)usleep(2000);
	}
	assert_int_equal(get(ref).takeback.attempts, 0);
	demo_machines[1].rc = 0;
	pass(1);
	wait_until_queued(0);
}

static void
hang(struct demo_machine *machine)
{
	(void)machine;
	while (!outbound_is_halted(fixture->server->outbound))
		(void)usleep(2000);
}

/* One that was cut off by ourselves is none either, and due behind that. */
static void
a_call_that_a_seal_cuts_off_is_not_counted(void **state)
{
	const struct rowref ref = install(1, "creds/a", 600);
	struct err err = { 0 };

	(void)state;
	demo_in_call = hang;
	demo_machines[1].rc = ERR_PEER;
	revoke_all();
	while (demo_machines[1].n_calls == 0)
		(void)usleep(2000);
	assert_int_equal(seal_seal(fixture->server->seal, &err), 0);
	demo_in_call = NULL;
	server_fixture_unseal(fixture);
	assert_int_equal(get(ref).takeback.attempts, 0);
	demo_machines[1].rc = 0;
	pass(1);
	wait_until_queued(0);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

static void
pause_a_little(struct demo_machine *machine)
{
	(void)machine;
	(void)usleep(5000);
}

static void *
revoke_by_hand(void *arg)
{
	struct rowref *refs = arg;
	struct err err = { 0 };

	for (size_t i = 0; i < 20; i++)
		assert_int_equal(
			takeback_now(fixture->server->takeback, refs[i], &err),
			0);
	return NULL;
}

static void
one_call_at_a_time_for_each_machine(void **state)
{
	struct rowref refs[20];
	pthread_t thread;

	(void)state;
	demo_in_call = pause_a_little;
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		refs[i] = install(1, "creds/a", 600);
		for (int machine = 1; machine < 5; machine++)
			(void)install(machine, "creds/a", 600);
	}
	revoke_all();
	assert_int_equal(
		pthread_create(&thread, NULL, revoke_by_hand, refs), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	wait_until_queued(0);
	for (int machine = 1; machine < 5; machine++) {
		assert_int_equal(demo_machines[machine].n_keys, 0);
		assert_int_equal(demo_machines[machine].at_once_max, 1);
	}
}

static void
asked_for_now_it_is_tried_though_it_is_not_due(void **state)
{
	struct takeback *takeback = fixture->server->takeback;
	struct rowref ref = install(1, "creds/a", 600);
	struct err err = { 0 };

	(void)state;
	/* Not in the queue: nothing to do. */
	assert_int_equal(takeback_now(takeback, ref, &err), 0);
	assert_int_equal(demo_machines[1].n_calls, 0);
	demo_machines[1].rc = ERR_PEER;
	revoke_all();
	(void)wait_for_attempts(ref, 1);
	assert_int_equal(takeback_now(takeback, ref, &err), ERR_PEER);
	assert_string_equal(err.message, DEMO_WHY);
	assert_int_equal(get(ref).takeback.attempts, 2);
	demo_machines[1].rc = 0;
	err_clear(&err);
	assert_int_equal(takeback_now(takeback, ref, &err), 0);
	assert_int_equal(demo_machines[1].n_keys, 0);
	assert_int_equal(queued().n_pending, 0);
}

static void
all_below_a_prefix_can_be_waited_for(void **state)
{
	struct takeback *takeback = fixture->server->takeback;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)install(1 + i % 5, "creds/a", 600);
		(void)install(1 + i % 5, "creds/b", 600);
	}
	demo_in_call = pause_a_little;
	assert_int_equal(
		lease_revoke_prefix(store(), mount_uuid, "creds/a", &err), 0);
	assert_int_equal(takeback_below(takeback, mount_uuid, "creds/a",
				 INT64_MAX, &err),
		0);
	assert_int_equal(queued().n_pending, 0);
	demo_machines[3].rc = ERR_PEER;
	revoke_all();
	assert_int_equal(
		takeback_below(takeback, mount_uuid, "", INT64_MAX, &err),
		ERR_PEER);
	wait_until_queued(20);
	err_clear(&err);
	assert_int_equal(
		takeback_below(takeback, mount_uuid, "", 0, &err), ERR_TIMEOUT);
}

static void
sealed_it_rests_and_goes_on_behind_that(void **state)
{
	struct err err = { 0 };
	int calls;

	(void)state;
	demo_machines[1].rc = ERR_PEER;
	(void)install(1, "creds/a", 600);
	revoke_all();
	while (demo_machines[1].n_calls == 0)
		(void)usleep(2000);
	assert_int_equal(seal_seal(fixture->server->seal, &err), 0);
	calls = demo_machines[1].n_calls;
	demo_machines[1].rc = 0;
	pass(600);
	takeback_notice(fixture->server->takeback);
	assert_int_equal(demo_machines[1].n_calls, calls);
	server_fixture_unseal(fixture);
	wait_until_queued(0);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

static void
restarts_forget_nothing(void **state)
{
	struct rowref ref = install(1, "creds/a", 600);

	(void)state;
	demo_machines[1].rc = ERR_PEER;
	revoke_all();
	for (uint32_t n = 1; n <= 7; n++) {
		struct lease lease = wait_for_attempts(ref, n);

		server_free(&fixture->server);
		start();
		assert_int_equal(get(ref).takeback.attempts, n);
		assert_true(
			span_equal(get(ref).takeback.why, span_str(DEMO_WHY)));
		pass(lease.takeback.next_try_s - store_now_s(store()));
	}
	demo_machines[1].rc = 0;
	pass(600);
	wait_until_queued(0);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

static int64_t
seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* A claim that cannot be written is due as before: that is no work to do. */
static void
a_full_store_is_not_run_against(void **state)
{
	struct rowref ref = install(1, "creds/a", 600);
	unsigned int before;
	int64_t start_s;

	(void)state;
	demo_machines[1].rc = ERR_PEER;
	revoke_all();
	(void)wait_for_attempts(ref, 1);
	faulty_fail_all(backend, FAULTY_COMMIT, ENOSPC);
	before = faulty_count(backend, FAULTY_COMMIT);
	start_s = seconds();
	pass(600);
	(void)usleep(1500000);
	assert_true(faulty_count(backend, FAULTY_COMMIT) > before);
	assert_true(faulty_count(backend, FAULTY_COMMIT) - before <
		10 * (seconds() - start_s + 2));
	faulty_fail(backend, FAULTY_COMMIT, 0, 0);
	demo_machines[1].rc = 0;
	wait_until_queued(0);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

static void
crash(struct demo_machine *machine)
{
	(void)machine;
	_exit(CRASHED);
}

/* In the middle of a call: it is made again as soon as there is a server. */
static void
a_call_cut_off_by_a_crash_is_made_again(void **state)
{
	const struct rowref ref = install(1, "creds/a", 600);
	const int64_t now_s = store_now_s(store());
	struct lease lease;
	int status = 0;
	pid_t pid;

	(void)state;
	server_free(&fixture->server);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		demo_in_call = crash;
		start();
		revoke_all();
		for (;;)
			(void)usleep(2000);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == CRASHED);
	demo_machines[1].rc = ERR_PEER;
	start();
	lease = wait_for_attempts(ref, 1);
	assert_int_equal(lease.state, LEASE_REVOKING);
	assert_int_equal(lease.takeback.attempts, 1);
	assert_int_equal(store_now_s(store()), now_s);
	demo_machines[1].rc = 0;
	pass(lease.takeback.next_try_s - now_s);
	wait_until_queued(0);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

static void
a_forced_row_is_gone_whatever_its_machine_says(void **state)
{
	struct rowref ref = install(1, "creds/a", 600);
	struct err err = { 0 };

	(void)state;
	demo_machines[1].rc = ERR_PEER;
	revoke_all();
	(void)wait_for_attempts(ref, 1);
	assert_int_equal(lease_force(store(), ref, &err), 0);
	assert_int_equal(queued().n_pending, 0);
	assert_int_equal(demo_machines[1].n_keys, 1);
}

/* Half of the machines are down, then come back. */
static void
many_leases_over_many_machines_all_end(void **state)
{
	int left = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		(void)install(i % 20, "creds/a", 600);
	for (int machine = 0; machine < 20; machine += 2)
		demo_machines[machine].rc = ERR_PEER;
	revoke_all();
	wait_until_queued(500);
	for (int machine = 0; machine < 20; machine++) {
		assert_int_equal(demo_machines[machine].n_keys,
			machine % 2 == 0 ? 50 : 0);
		demo_machines[machine].rc = 0;
	}
	pass(750);
	wait_until_queued(0);
	for (int machine = 0; machine < 20; machine++)
		left += demo_machines[machine].n_keys;
	assert_int_equal(left, 0);
}

#define MEMORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define FAULTY(test)                                                           \
	cmocka_unit_test_setup_teardown(test, setup_faulty, teardown)
#define FILED(test)                                                            \
	cmocka_unit_test_setup_teardown(test, setup_file, teardown_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY(what_ends_is_taken_off_its_machine),
		FAULTY(a_full_store_is_not_run_against),
		MEMORY(what_expires_is_too),
		MEMORY(what_fails_is_tried_again_with_growing_waits),
		MEMORY(a_mended_machine_is_tried_again_at_once),
		MEMORY(a_machine_that_is_down_puts_its_leases_off),
		MEMORY(a_lease_that_fails_alone_stops_no_other),
		MEMORY(a_call_that_was_not_made_is_not_counted),
		MEMORY(a_call_that_a_seal_cuts_off_is_not_counted),
		MEMORY(one_call_at_a_time_for_each_machine),
		MEMORY(asked_for_now_it_is_tried_though_it_is_not_due),
		MEMORY(all_below_a_prefix_can_be_waited_for),
		MEMORY(sealed_it_rests_and_goes_on_behind_that),
		FILED(restarts_forget_nothing),
		FILED(a_call_cut_off_by_a_crash_is_made_again),
		MEMORY(a_forced_row_is_gone_whatever_its_machine_says),
		MEMORY(many_leases_over_many_machines_all_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
