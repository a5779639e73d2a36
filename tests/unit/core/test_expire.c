/* Expiry: what is due goes, what is noticed is not slept through. */
#include "server/core/expire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/lease.h"
#include "tests/unit/core/server_fixture.h"

#define MANY 1200

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

static void
put_lease_for(struct server_fixture *fixture, int64_t ttl_s, bool notice)
{
	struct server *server = fixture->server;
	struct lease_put put = {
		.lease = { .kind = LEASE_OTP, .state = LEASE_LIVE },
		.ttl_s = ttl_s,
	};
	struct err err = { 0 };

	assert_int_equal(lease_path_number(server->store, server->system.prefix,
				 "creds/x", &put.lease.ref.path, &err),
		0);
	assert_int_equal(
		store_row_number(server->store, &put.lease.ref.row, &err), 0);
	assert_int_equal(
		store_write(server->store, insert_lease, &put, &err), 0);
	if (notice)
		expire_notice(server->expire, put.lease.expire_s);
}

static uint64_t
count_leases(struct server_fixture *fixture)
{
	struct err err = { 0 };
	uint64_t n = 0;

	assert_int_equal(lease_count(fixture->server->store, &n, &err), 0);
	return n;
}

/* Fails by the test runner's limit where it never happens. */
static void
wait_for_leases(struct server_fixture *fixture, uint64_t n)
{
	while (count_leases(fixture) != n)
		(void)usleep(2000);
}

static void
due_leases_go_and_others_stay(void **state)
{
	struct server_fixture *fixture = server_fixture_open();

	(void)state;
	put_lease_for(fixture, 10, true);
	put_lease_for(fixture, 20, true);
	assert_int_equal(count_leases(fixture), 2);
	server_fixture_advance(fixture, 10);
	wait_for_leases(fixture, 1);
	server_fixture_advance(fixture, 10);
	wait_for_leases(fixture, 0);
	server_fixture_free(fixture);
}

static void
many_are_taken_in_steps(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		put_lease_for(fixture, 5, i == 0);
	server_fixture_advance(fixture, 5);
	wait_for_leases(fixture, 0);
	server_fixture_free(fixture);
}

static void
what_fell_due_while_sealed_goes_at_unseal(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct err err = { 0 };

	(void)state;
	put_lease_for(fixture, 10, true);
	assert_int_equal(seal_seal(fixture->server->seal, &err), 0);
	server_fixture_advance(fixture, 60);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	wait_for_leases(fixture, 0);
	server_fixture_free(fixture);
}

static void
start_and_stop_may_repeat(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct expire *expire = fixture->server->expire;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(expire_start(expire, &err), 0);
	expire_stop(expire);
	expire_stop(expire);
	put_lease_for(fixture, 10, true);
	server_fixture_advance(fixture, 10);
	assert_int_equal(expire_start(expire, &err), 0);
	wait_for_leases(fixture, 0);
	server_fixture_free(fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(due_leases_go_and_others_stay),
		cmocka_unit_test(many_are_taken_in_steps),
		cmocka_unit_test(what_fell_due_while_sealed_goes_at_unseal),
		cmocka_unit_test(start_and_stop_may_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
