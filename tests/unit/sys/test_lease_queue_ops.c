/* sys/leases and unmounting, for leases that lie on other machines. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/core/takeback.h"
#include "tests/support/demo_machines.h"
#include "tests/support/demo_mount.h"
#include "tests/support/mounted.h"

#define NS INT64_C(1000000000)
#define FAILED                                                                                         \
	"1 error occurred:\n\t* failed to revoke entry: resp: (*logical.Response)(nil) err: " DEMO_WHY \
	"\n\n"

static int
setup(void **state)
{
	static const struct mount_type *const types[] = { &sys_mount_type,
		&token_mount_type, &identity_mount_type, &demo_mount_type,
		NULL };

	(void)state;
	demo_machines_reset();
	fixture = api_fixture_new(types);
	return fixture == NULL || api_mount(fixture, "demo", "demo/") != 0;
}

/* A lease on a machine; its id lives as long as the fixture. */
static const char *
make_key_as(const char *token, int machine)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "demo/keys/m%d", machine);
	api_call_as(fixture, token, "POST", path, NULL, &reply);
	assert_int_equal(reply.status, 200);
	return value_find_str(reply.json, "lease_id", "");
}

static const char *
make_key(int machine)
{
	return make_key_as(fixture->root, machine);
}

static int
call(const char *path, const char *body)
{
	api_call(fixture, OP_UPDATE, path, body, &reply);
	return reply.status;
}

/* With the id in its body. */
static int
call_by_id(const char *path, const char *id, const char *rest)
{
	return call(path,
		arena_printf(
			fixture->arena, "{\"lease_id\":\"%s\"%s}", id, rest));
}

static int
lookup(const char *id)
{
	return call_by_id("sys/leases/lookup", id, "");
}

static int64_t
attempts_of(const char *id)
{
	assert_int_equal(lookup(id), 200);
	return value_find_int(reply.data, "attempts", 0);
}

static void
pass(int64_t s)
{
	atomic_fetch_add(&fixture->clock_ahead_ns, s * NS);
}

/* Fails by the test runner's limit where it never happens. */
static void
wait_until_gone(const char *id)
{
	while (lookup(id) != 400) {
		pass(60);
		(void)usleep(20000);
	}
}

static void
a_revoke_waits_for_the_machine(void **state)
{
	static const char *const forms[] = { "", ",\"sync\":true",
		",\"sync\":false" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *id = make_key(1);

		assert_int_equal(demo_machines[1].n_keys, 1);
		assert_int_equal(lookup(id), 200);
		assert_null(value_find(reply.data, "state"));
		assert_int_equal(call_by_id("sys/leases/revoke", id, forms[i]),
			i < 2 ? 204 : 202);
		if (i < 2)
			assert_int_equal(lookup(id), 400);
		wait_until_gone(id);
		assert_int_equal(demo_machines[1].n_keys, 0);
	}
}

static void
a_revoke_that_fails_says_why_and_goes_on(void **state)
{
	const char *id = make_key(1);

	(void)state;
	demo_machines[1].rc = ERR_PEER;
	for (int i = 1; i < 3; i++) {
		assert_int_equal(call_by_id("sys/leases/revoke", id, ""), 500);
		assert_string_equal(api_error(&reply), FAILED);
		assert_in_range(attempts_of(id), i, i + 1);
	}
	assert_string_equal(
		value_find_str(reply.data, "state", ""), "revoke_pending");
	assert_string_equal(
		value_find_str(reply.data, "last_error", ""), DEMO_WHY);
	assert_false(value_find_bool(reply.data, "irrevocable", true));
	assert_non_null(
		strchr(value_find_str(reply.data, "next_try", ""), 'T'));
	assert_int_equal(
		call_by_id("sys/leases/revoke", id, ",\"sync\":false"), 202);
	assert_int_equal(call_by_id("sys/leases/renew", id, ""), 400);
	assert_string_equal(api_error(&reply), "lease expired");
	demo_machines[1].rc = 0;
	wait_until_gone(id);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

/* Fail six times, so that it is listed. */
static const char *
make_irrevocable(int machine)
{
	const char *id = make_key(machine);

	demo_machines[machine].rc = ERR_PEER;
	while (attempts_of(id) < 6)
		assert_int_equal(call_by_id("sys/leases/revoke", id, ""), 500);
	assert_true(value_find_bool(reply.data, "irrevocable", false));
	return id;
}

static int64_t
get_count(const char *path, const char *type, const char *limit)
{
	const struct req_pair query[] = { { "type", type },
		{ "limit", limit } };
	struct api_request request = { .method = "GET",
		.path = path,
		.token = fixture->root,
		.query = query,
		.n_query = 2 };

	api_send(fixture, &request, &reply);
	return reply.status == 200
		? value_find_int(reply.data, "lease_count", -1)
		: -reply.status;
}

static void
what_waits_is_counted_and_listed(void **state)
{
	const char *const id = make_irrevocable(1);
	const char *other = make_key(2);
	const struct value *counts, *item;

	(void)state;
	demo_machines[2].rc = ERR_PEER;
	(void)make_key(3);
	assert_int_equal(call_by_id("sys/leases/revoke", other, ""), 500);
	assert_int_equal(get_count("sys/leases/count", "irrevocable", ""), 1);
	assert_int_equal(get_count("sys/leases/count", "pending", ""), 2);
	counts = value_find(reply.data, "counts");
	assert_int_equal(counts->n, 1);
	assert_int_equal(value_find_int(counts, counts->first->key, 0), 2);
	assert_int_equal(get_count("sys/leases", "pending", ""), 2);
	assert_int_equal(value_find(reply.data, "leases")->n, 2);
	assert_int_equal(get_count("sys/leases", "pending", "1"), 2);
	assert_int_equal(value_find(reply.data, "leases")->n, 1);
	assert_int_equal(get_count("sys/leases", "pending", "none"), 2);
	assert_int_equal(get_count("sys/leases", "irrevocable", ""), 1);
	item = value_find(reply.data, "leases")->first;
	assert_string_equal(value_find_str(item, "lease_id", ""), id);
	assert_string_equal(value_find_str(item, "error", ""), DEMO_WHY);
	assert_true(value_find_int(item, "attempts", 0) >= 6);
	assert_int_equal(get_count("sys/leases", "irrevocable", "x"), -400);
	assert_int_equal(get_count("sys/leases", "none", ""), -404);
	assert_int_equal(get_count("sys/leases/count", "", ""), -404);
}

static void
force_ends_leases_whatever_their_machines_say(void **state)
{
	static const char *const paths[] = { "sys/leases/revoke-force/%s",
		"sys/revoke-force/demo/keys/m1",
		"sys/leases/revoke-force/demo" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const char *id = make_key(1), *kept = make_key(2);
		char *path = arena_strdup(fixture->arena, paths[i]);
		int keys = demo_machines[1].n_keys;

		demo_machines[1].rc = ERR_PEER;
		demo_machines[2].rc = ERR_PEER;
		if (i == 0) {
			*strchr(path, '%') = '\0';
			path = arena_printf(fixture->arena, "%s%s", path, id);
		}
		assert_int_equal(call(path, NULL), 204);
		assert_int_equal(lookup(id), 400);
		assert_int_equal(lookup(kept), i < 2 ? 200 : 400);
		assert_int_equal(demo_machines[1].n_keys, keys);
		demo_machines[1].rc = 0;
		demo_machines[2].rc = 0;
	}
}

static void
a_prefix_is_waited_for(void **state)
{
	const char *ids[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		ids[i] = make_key(1 + i % 2);
	assert_int_equal(
		call("sys/leases/revoke-prefix/demo/keys/m1", NULL), 204);
	assert_int_equal(demo_machines[1].n_keys, 0);
	assert_int_equal(demo_machines[2].n_keys, 3);
	demo_machines[2].rc = ERR_PEER;
	assert_int_equal(call("sys/leases/revoke-prefix/demo", NULL), 500);
	assert_string_equal(api_error(&reply), FAILED);
	assert_int_equal(lookup(ids[1]), 200);
	assert_string_equal(
		value_find_str(reply.data, "state", ""), "revoke_pending");
	assert_int_equal(
		call("sys/leases/revoke-prefix/demo", "{\"sync\":false}"), 202);
	demo_machines[2].rc = 0;
	for (int i = 1; i < 6; i += 2)
		wait_until_gone(ids[i]);
	assert_int_equal(demo_machines[2].n_keys, 0);
}

static void
take_40_s(struct demo_machine *machine)
{
	(void)machine;
	pass(40);
}

/* Nobody waits longer because there are more mounts below it. */
static void
a_prefix_of_many_mounts_is_waited_for_once(void **state)
{
	static const char *const mounts[] = { "many/a/", "many/b/", "many/c/" };

	(void)state;
	/* Only whoever waits takes back. */
	takeback_stop(fixture->server->takeback);
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
		assert_int_equal(api_mount(fixture, "demo", mounts[i]), 0);
		assert_int_equal(call(arena_printf(fixture->arena,
					      "%skeys/m%zu", mounts[i], i),
					 NULL),
			200);
	}
	demo_in_call = take_40_s;
	assert_int_equal(call("sys/leases/revoke-prefix/many", NULL), 500);
	assert_non_null(
		strstr(api_error(&reply), "leases are still being taken back"));
	assert_int_equal(demo_machines[0].n_calls + demo_machines[1].n_calls +
			demo_machines[2].n_calls,
		2);
}

struct filling {
	const char *mount_uuid;
	uint32_t path;
	uint64_t row; /* the first one's number */
	size_t data_len;
	int n;
};

/* Rows that wait for a machine for an hour. */
static int
fill_queue(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct filling *filling = ctx;
	uint8_t *data = malloc(filling->data_len);
	struct lease lease = { .kind = LEASE_DYNAMIC,
		.state = LEASE_REVOKING,
		.expire_s = tx_now_s(tx),
		.takeback = { .next_try_s = tx_now_s(tx) + 3600 },
		.data = { data, filling->data_len } };
	int rc = 0;

	memset(data, '/', filling->data_len);
	memcpy(data, "m1/", 3);
	for (int i = 0; rc == 0 && i < filling->n; i++) {
		lease.ref = (struct rowref){ filling->path,
			filling->row + (uint64_t)i };
		rc = lease_insert(tx, &lease, err);
	}
	free(data);
	return rc;
}

static void
fill(struct filling *filling)
{
	struct server *server = fixture->server;
	struct mount *mount = mounts_find(server->mounts, "demo/x");
	struct err err = { 0 };

	takeback_stop(server->takeback);
	assert_int_equal(
		store_row_number(server->store, &filling->row, &err), 0);
	assert_int_equal(lease_path_number(server->store, mount->uuid,
				 "keys/m1", &filling->path, &err),
		0);
	assert_int_equal(
		store_write(server->store, fill_queue, filling, &err), 0);
	mount_unref(server->mounts, &mount);
}

/* A page of them is more than a page of small ones. */
static void
large_rows_that_wait_are_listed(void **state)
{
	struct filling filling = { .data_len = 60000, .n = 600 };

	(void)state;
	fill(&filling);
	assert_int_equal(get_count("sys/leases/count", "pending", ""), 600);
	assert_int_equal(get_count("sys/leases", "pending", ""), 600);
	assert_int_equal(value_find(reply.data, "leases")->n, 600);
}

struct moving {
	struct filling filling;
	_Atomic bool ends;
};

/* The first rows go behind the others, again and again. */
static void *
move_rows(void *arg)
{
	struct moving *moving = arg;
	struct store *store = fixture->server->store;
	struct rowref refs[400];
	struct lease_failure failure = { .next_try_s =
						 store_now_s(store) + 3600 };

	for (size_t i = 0; !moving->ends; i = (i + 400) % 1200) {
		struct err err = { 0 };

		for (size_t k = 0; k < ARRAY_LEN(refs); k++)
			refs[k] = (struct rowref){ moving->filling.path,
				moving->filling.row + i + k };
		failure.next_try_s++;
		assert_int_equal(lease_queue_failed(store, refs,
					 ARRAY_LEN(refs), &failure, &err),
			0);
	}
	return NULL;
}

static void
a_row_that_is_put_off_meanwhile_is_told_once(void **state)
{
	struct moving moving = { .filling = { .data_len = 8, .n = 1200 } };
	pthread_t thread;

	(void)state;
	fill(&moving.filling);
	assert_int_equal(pthread_create(&thread, NULL, move_rows, &moving), 0);
	for (int i = 0; i < 50; i++) {
		const int64_t n = get_count("sys/leases", "pending", "none");

		assert_in_range(n, 0, 1200);
		assert_int_equal(value_find(reply.data, "leases")->n, n);
	}
	moving.ends = true;
	pthread_join(thread, NULL);
}

static void
a_token_takes_its_leases_off_their_machines(void **state)
{
	const char *token = api_make_token(fixture,
		"path \"demo/*\" { capabilities = [\"update\"] }",
		"{\"policies\":[\"mine\"]}");
	const char *id;

	(void)state;
	id = make_key_as(token, 1);
	assert_int_equal(call("auth/token/revoke",
				 arena_printf(fixture->arena,
					 "{\"token\":\"%s\"}", token)),
		204);
	wait_until_gone(id);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

static void
a_renewal_is_told_to_the_machine_first(void **state)
{
	const char *id = make_key(1);
	int64_t ends[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		pass(100);
		assert_int_equal(call_by_id("sys/leases/renew", id,
					 ",\"increment\":600"),
			200);
		assert_int_equal(
			value_find_int(reply.json, "lease_duration", 0), 600);
		ends[i] = demo_machines[1].told_end_s;
	}
	assert_true(ends[1] >= ends[0] + 100);
	/* Refused there: the lease stays as it was. */
	demo_machines[1].rc = ERR_PEER;
	pass(100);
	assert_int_equal(call_by_id("sys/leases/renew", id, ""), 500);
	assert_int_equal(lookup(id), 200);
	assert_in_range(value_find_int(reply.data, "ttl", 0), 400, 500);
	demo_machines[1].rc = 0;
	pass(600);
	wait_until_gone(id);
	/* One that may not be renewed asks nobody. */
	demo_machines[1].n_calls = 0;
	assert_int_equal(call_by_id("sys/leases/renew", id, ""), 400);
	assert_int_equal(demo_machines[1].n_calls, 0);
}

static int
unmount(void)
{
	api_call(fixture, OP_DELETE, "sys/mounts/demo", NULL, &reply);
	return reply.status;
}

static void
a_mount_stays_until_its_leases_are_off_their_machines(void **state)
{
	const char *id = make_key(1);

	(void)state;
	(void)make_key(2);
	demo_machines[1].rc = ERR_PEER;
	assert_int_equal(unmount(), 400);
	assert_non_null(strstr(api_error(&reply),
		"cannot unmount \"demo/\": its leases could not all be taken back (" DEMO_WHY
		")"));
	/* It is there and works, its leases wait. */
	(void)make_key(3);
	assert_true(attempts_of(id) > 0);
	demo_machines[1].rc = 0;
	assert_int_equal(unmount(), 204);
	for (int i = 1; i < 4; i++)
		assert_int_equal(demo_machines[i].n_keys, 0);
	assert_int_equal(unmount(), 204);
}

static void
a_mount_whose_leases_were_forced_goes(void **state)
{
	(void)state;
	(void)make_irrevocable(1);
	assert_int_equal(unmount(), 400);
	assert_int_equal(call("sys/leases/revoke-force/demo", NULL), 204);
	assert_int_equal(unmount(), 204);
	assert_int_equal(demo_machines[1].n_keys, 1);
}

static void
a_moved_mount_takes_its_queue_along(void **state)
{
	const char *id = make_key(1), *moved;

	(void)state;
	demo_machines[1].rc = ERR_PEER;
	assert_int_equal(
		call("sys/remount", "{\"from\":\"demo\",\"to\":\"other\"}"),
		204);
	moved = arena_printf(fixture->arena, "other/%s", id + strlen("demo/"));
	assert_int_equal(lookup(moved), 200);
	demo_machines[1].rc = 0;
	wait_until_gone(moved);
	assert_int_equal(demo_machines[1].n_keys, 0);
}

/* Of what no request asked for too: first failure, irrevocable, gone. */
static void
the_audit_log_hears_of_it(void **state)
{
	const char *id, *text, *at;
	size_t n = 0;

	(void)state;
	assert_non_null(api_audit_file(fixture));
	id = make_irrevocable(1);
	demo_machines[1].rc = 0;
	wait_until_gone(id);
	text = api_audit_text(fixture);
	for (at = text; (at = strstr(at, "\"operation\":\"revoke\"")) != NULL;
		at++)
		n++;
	assert_int_equal(n, 6);
	assert_non_null(strstr(text, "\"path\":\"demo/keys/m1\""));
	assert_non_null(strstr(text, DEMO_WHY));
}

static void
metrics_tell_what_waits(void **state)
{
	const struct req_pair query[] = { { "format", "prometheus" } };
	struct api_request request = { .method = "GET",
		.path = "sys/metrics",
		.token = fixture->root,
		.query = query,
		.n_query = 1 };
	const struct value *gauges;

	(void)state;
	(void)make_irrevocable(1);
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(
		reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
	assert_non_null(strstr(reply.body,
		"# TYPE vault_expire_job_manager_queue_length gauge\n"
		"vault_expire_job_manager_queue_length 1\n"));
	assert_non_null(strstr(
		reply.body, "\nvault_expire_num_irrevocable_leases 1\n"));
	assert_null(strstr(reply.body, "\nsallyport_takeback_failed 0\n"));
	request.n_query = 0;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 200);
	gauges = value_find(reply.json, "Gauges");
	assert_non_null(gauges);
	assert_string_equal(
		value_find_str(gauges->first, "Name", ""), "vault.core.active");
	assert_int_equal(value_find_int(gauges->first, "Value", 0), 1);
	request.token = NULL;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_revoke_waits_for_the_machine),
		MOUNTED(a_revoke_that_fails_says_why_and_goes_on),
		MOUNTED(what_waits_is_counted_and_listed),
		MOUNTED(force_ends_leases_whatever_their_machines_say),
		MOUNTED(a_prefix_is_waited_for),
		MOUNTED(a_prefix_of_many_mounts_is_waited_for_once),
		MOUNTED(large_rows_that_wait_are_listed),
		MOUNTED(a_row_that_is_put_off_meanwhile_is_told_once),
		MOUNTED(a_token_takes_its_leases_off_their_machines),
		MOUNTED(a_renewal_is_told_to_the_machine_first),
		MOUNTED(a_mount_stays_until_its_leases_are_off_their_machines),
		MOUNTED(a_mount_whose_leases_were_forced_goes),
		MOUNTED(a_moved_mount_takes_its_queue_along),
		MOUNTED(the_audit_log_hears_of_it),
		MOUNTED(metrics_tell_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
