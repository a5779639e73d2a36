/* Calls to a machine that meet, or take long: no key without a lease. */
#include "server/core/server.h"
#include "server/core/takeback.h"
#include "storage/lease.h"
#include "tests/unit/ssh/ssh_fixture.h"
#include "tests/unit/ssh/stub_outbound.h"

#define ROLE                                                                   \
	"{\"key_type\":\"dynamic\",\"key\":\"admin\",\"admin_user\":\"root\"," \
	"\"default_user\":\"alice\",\"cidr_list\":\"10.0.0.0/8\","             \
	"\"host_key_policy\":\"off\",\"dynamic_key_type\":\"ed25519\"}"
#define NS_PER_MS 1000000
#define READY "\nsallyport: ready\n"

/* The machine: whether the key is there, and what happens at the next call. */
static bool key_is_there;
static enum outbound_ssh_end end;
static const char *revoke_first; /* id of a lease, or NULL */
static struct outbound_ssh_result result;
static int64_t deadline_ms; /* of the last call */

static bool
says(const struct outbound_ssh *call, const char *word)
{
	const struct span input = call->steps[0].input;

	return memmem(input.data, input.len, word, strlen(word)) != NULL;
}

static int
revoke_lease(const char *id)
{
	struct api_reply revoked;
	char body[512];

	(void)snprintf(
		body, sizeof(body), "{\"lease_id\":\"%s\",\"sync\":true}", id);
	api_call(fixture, OP_UPDATE, "sys/leases/revoke", body, &revoked);
	return revoked.status;
}

/* With the last of its time. */
static int
refuse_late(struct outbound_ssh_answer *ret_answer)
{
	fixture->clock_ahead_ns += deadline_ms * NS_PER_MS;
	*ret_answer = (struct outbound_ssh_answer){
		.end = OUTBOUND_SSH_REFUSED,
		.why = "it does not take the key",
		.host_key = "",
		.fingerprint = "",
		.banner = "",
	};
	return 0;
}

static int
be_a_machine(
	const struct outbound_ssh *call, struct outbound_ssh_answer *ret_answer)
{
	const char *id = revoke_first;
	const enum outbound_ssh_end this_end = end;

	revoke_first = NULL;
	end = OUTBOUND_SSH_DONE;
	deadline_ms = call->deadline_ms;
	/* It waits for the call that goes on here. */
	if (id != NULL) {
		assert_int_equal(revoke_lease(id), 500);
		assert_true(key_is_there);
	}
	if (this_end == OUTBOUND_SSH_REFUSED)
		return refuse_late(ret_answer);
	key_is_there = says(call, "\ninstall\n");
	result = (struct outbound_ssh_result){
		.exit_status = this_end == OUTBOUND_SSH_DONE ? 0 : -1,
		.signal = "",
		.output = span_str(this_end == OUTBOUND_SSH_DONE ? READY
				"sallyport: done\n"
								 : READY),
	};
	*ret_answer = (struct outbound_ssh_answer){ .end = this_end,
		.why = "cut off",
		.host_key = "",
		.fingerprint = "",
		.banner = "",
		.results = &result,
		.n_results = 1 };
	return 0;
}

static size_t
count_queued(void)
{
	struct lease_queue_size size;

	assert_int_equal(
		lease_queue_size(fixture->server->store, NULL, &size, NULL), 0);
	return size.n_pending;
}

static const char *
issue_by(const char *role)
{
	/* What is queued stays so, to be counted. */
	takeback_stop(fixture->server->takeback);
	stub_ssh = be_a_machine;
	revoke_first = NULL;
	end = OUTBOUND_SSH_DONE;
	api_call(fixture, OP_UPDATE, "ssh/keys/admin", "{\"generate\":true}",
		&reply);
	assert_int_equal(reply.status, 200);
	api_call(fixture, OP_UPDATE, "ssh/roles/dyn", role, &reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_UPDATE, "ssh/creds/dyn", WEB_ASKED, &reply);
	assert_int_equal(reply.status, 200);
	assert_true(key_is_there);
	return arena_strdup(
		fixture->arena, value_find_str(reply.json, "lease_id", ""));
}

static const char *
issue(void)
{
	return issue_by(ROLE);
}

static int
renew(const char *id)
{
	char body[512];

	(void)snprintf(body, sizeof(body), "{\"lease_id\":\"%s\"}", id);
	api_call(fixture, OP_UPDATE, "sys/leases/renew", body, &reply);
	return reply.status;
}

static void
key_that_comes_behind_a_revoke_is_queued(void **state)
{
	const char *id = issue();

	(void)state;
	revoke_first = id;
	assert_int_equal(renew(id), 400);
	assert_true(key_is_there);
	assert_int_equal(count_queued(), 1);
}

static void
key_that_may_have_come_behind_a_revoke_is_queued(void **state)
{
	const char *id = issue();

	(void)state;
	revoke_first = id;
	end = OUTBOUND_SSH_LOST;
	assert_int_equal(renew(id), 500);
	assert_true(key_is_there);
	assert_int_equal(count_queued(), 1);
}

static void
renewal_that_is_cut_off_leaves_a_lease_live(void **state)
{
	const char *id = issue();

	(void)state;
	end = OUTBOUND_SSH_LOST;
	assert_int_equal(renew(id), 500);
	assert_int_equal(count_queued(), 0);
	assert_int_equal(renew(id), 200);
	assert_int_equal(revoke_lease(id), 204);
	assert_false(key_is_there);
	assert_int_equal(count_queued(), 0);
}

/* It is tried with the current key too, within one claim. */
static void
two_tries_of_a_removal_end_before_its_claim(void **state)
{
	const char *id;

	(void)state;
	api_call(fixture, OP_UPDATE, "ssh/targets/slow",
		"{\"host\":\"10.1.2.3\",\"timeout\":60}", &reply);
	assert_int_equal(reply.status, 204);
	id = issue();
	assert_in_range(deadline_ms, 1, 60000);
	end = OUTBOUND_SSH_REFUSED;
	assert_int_equal(revoke_lease(id), 204);
	assert_false(key_is_there);
	assert_in_range(deadline_ms, 1, TAKEBACK_CALL_MAX_S * 1000 - 60000);
}

/* ---- large rows --------------------------------------------------------- */

/* The status of creds, for a role with a script of so many bytes. */
static int
issue_large(size_t script_bytes)
{
	static const char start[] = ROLE;
	char *script = arena_alloc(fixture->arena, script_bytes + 1, 1);
	const char *role = NULL;

	memset(script, '#', script_bytes);
	role = arena_printf(fixture->arena, "%.*s,\"install_script\":\"%s\"}",
		(int)strlen(start) - 1, start, script);
	api_call(fixture, OP_UPDATE, "ssh/roles/dyn", role, &reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_UPDATE, "ssh/creds/dyn", WEB_ASKED, &reply);
	return reply.status;
}

/* Tries of what is queued, that are noted. */
static int
add_attempts(void *ctx, const struct lease *lease, UNUSED struct err *err)
{
	*(uint32_t *)ctx += lease->takeback.attempts;
	return 0;
}

static int
read_attempts(struct store_tx *tx, void *ctx, struct err *err)
{
	struct lease_queue_page page = { .until_s = INT64_MAX, .limit = 10 };

	return lease_queue_rows(
		tx, &page, fixture->arena, add_attempts, ctx, err);
}

static uint32_t
count_attempts(void)
{
	uint32_t n = 0;

	assert_int_equal(
		store_read(fixture->server->store, read_attempts, &n, NULL), 0);
	return n;
}

/* A failure is written into the row: it needs room there. */
static void
failure_is_noted_in_the_largest_row_too(void **state)
{
	size_t script_bytes = 65536;

	(void)state;
	(void)issue();
	for (; issue_large(script_bytes) != 200; script_bytes -= 10) {
		assert_int_equal(reply.status, 400);
		assert_non_null(strstr(
			api_error(&reply), "too long for a lease together"));
	}
	assert_in_range(script_bytes, 60000, 65536);
	end = OUTBOUND_SSH_LOST;
	assert_int_equal(
		revoke_lease(value_find_str(reply.json, "lease_id", "")), 500);
	assert_int_equal(count_attempts(), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(key_that_comes_behind_a_revoke_is_queued),
		MOUNTED(key_that_may_have_come_behind_a_revoke_is_queued),
		MOUNTED(two_tries_of_a_removal_end_before_its_claim),
		MOUNTED(renewal_that_is_cut_off_leaves_a_lease_live),
		MOUNTED(failure_is_noted_in_the_largest_row_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
