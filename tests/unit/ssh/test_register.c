/* The register and the revocation list in time, and after a restore. */
#include "tests/unit/ssh/ssh_fixture.h"

#include "lib/sshkrl.h"
#include "server/engines/ssh/ca/krl.h"
#include "tests/support/figures.h"

#define SIGNS                                                                  \
	"{\"key_type\":\"ca\",\"allow_user_certificates\":true,"               \
	"\"allowed_users\":\"*\",\"default_user\":\"ops\",\"max_ttl\":\"100h\"}"
#define SIGNS_BY_ID                                                            \
	"{\"key_type\":\"ca\",\"allow_user_certificates\":true,"               \
	"\"allowed_users\":\"*\",\"default_user\":\"ops\","                    \
	"\"allow_user_key_ids\":true}"
#define REVOKED_IDS ((size_t)600)
#define HOUR_S INT64_C(3600)
#define DAY_S (24 * HOUR_S)
#define RETENTION_S (720 * HOUR_S)
#define PROPERTY_CERTS 40
#define PROPERTY_ROUNDS 30

/* An ssh mount whose role ops signs. */
static int
setup_ca(void **state)
{
	if (setup(state) != 0)
		return 1;
	api_call(fixture, OP_UPDATE, "ssh/config/ca",
		"{\"key_type\":\"ed25519\"}", &reply);
	if (reply.status != 200)
		return 1;
	api_call(fixture, OP_UPDATE, "ssh/roles/ops", SIGNS, &reply);
	return reply.status != 204;
}

#define SIGNING(name) cmocka_unit_test_setup_teardown(name, setup_ca, teardown)

static void
go_to(int64_t ahead_s)
{
	fixture->clock_ahead_ns = ahead_s * CLOCK_NS_PER_S;
}

/* A certificate that lives so long; its serial number. */
static const char *
sign(int64_t ttl_s)
{
	char body[128];

	(void)snprintf(body, sizeof(body),
		"{\"key_type\":\"ed25519\",\"ttl\":%lld}", (long long)ttl_s);
	api_call(fixture, OP_UPDATE, "ssh/issue/ops", body, &reply);
	assert_int_equal(reply.status, 200);
	return value_find_str(reply.data, "serial_number", NULL);
}

static int
post(const char *path, const char *name, const char *value)
{
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", name, value);
	api_call(fixture, OP_UPDATE, path, body, &reply);
	return reply.status;
}

static bool
is_known(const char *serial)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "ssh/cert/%s", serial);
	api_call(fixture, OP_READ, path, NULL, &reply);
	assert_true(reply.status == 200 || reply.status == 404);
	return reply.status == 200;
}

/* The list as a host gets it: its version; *ret_len: its bytes. */
static uint64_t
fetch(size_t *ret_len)
{
	struct req *req = req_new(fixture->server);
	struct reply got = { .req = req };
	struct err err = { 0 };
	struct sshkrl krl;

	req->mount = mounts_find(fixture->server->mounts, "ssh/krl");
	req->if_none_match = "";
	assert_int_equal(ssh_krl_reply(req, "", &got, &err), 0);
	assert_int_equal(sshkrl_parse(got.raw, &krl), 0);
	*ret_len = krl.sections.len;
	mount_unref(fixture->server->mounts, &req->mount);
	req_free(&req);
	return krl.version;
}

static void
expire(void)
{
	struct err err = { 0 };
	bool more = true;
	int64_t next_s;

	while (more)
		assert_int_equal(lease_expire_due(fixture->server->store, 100,
					 &more, &next_s, &err),
			0);
}

static void
a_serial_number_is_hex(void **state)
{
	static const struct {
		const char *text, *is; /* NULL: refused */
	} cases[] = {
		{ "1", "1" },
		{ "00ff", "ff" },
		{ "ABCDEF", "abcdef" },
		{ "ffffffffffffffff", "ffffffffffffffff" },
		{ "0000ffffffffffffffff", "ffffffffffffffff" },
		{ "10000000000000000", NULL },
		{ "", NULL },
		{ "0", NULL },
		{ "0x1", NULL },
		{ "g", NULL },
		{ "1 ", NULL },
		{ "-1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[SSH_SERIAL_TEXT_MAX] = "";
		struct err err = { 0 };
		int rc = ssh_serial_parse(cases[i].text, out, &err);

		assert_int_equal(rc, cases[i].is == NULL ? ERR_INPUT : 0);
		if (cases[i].is != NULL)
			assert_string_equal(out, cases[i].is);
	}
}

static void
a_row_goes_when_its_retention_is_over(void **state)
{
	const char *usual = sign(HOUR_S), *shorter;

	(void)state;
	assert_int_equal(
		post("ssh/config/options", "cert_retention", "1h"), 204);
	shorter = sign(HOUR_S);
	go_to(2 * HOUR_S - 60);
	expire();
	assert_true(is_known(usual) && is_known(shorter));
	go_to(2 * HOUR_S + 60);
	expire();
	assert_true(is_known(usual) && !is_known(shorter));
	go_to(HOUR_S + RETENTION_S - 60);
	expire();
	assert_true(is_known(usual));
	go_to(HOUR_S + RETENTION_S + 60);
	expire();
	assert_false(is_known(usual));
}

/* Though nothing else is known of the certificate any more. */
static void
a_revoked_serial_is_listed_until_its_end(void **state)
{
	const char *serial;
	size_t len, listed, id_len = 10, serial_len = 13;

	(void)state;
	assert_int_equal(
		post("ssh/config/options", "cert_retention", "1s"), 204);
	serial = sign(HOUR_S);
	assert_int_equal(post("ssh/revoke", "serial_number", serial), 200);
	(void)fetch(&listed);
	assert_true(listed > 0);
	go_to(HOUR_S + DAY_S - 60);
	expire();
	assert_false(is_known(serial));
	assert_int_equal(post("ssh/revoke", "key_id", "a"), 200);
	(void)fetch(&len);
	assert_int_equal(len, listed + id_len);
	go_to(HOUR_S + DAY_S + 60);
	expire();
	assert_int_equal(post("ssh/revoke", "key_id", "b"), 200);
	(void)fetch(&len);
	assert_int_equal(len, listed - serial_len + id_len + id_len / 2);
}

/* Whatever happens within a second, and where the clock stands still. */
static void
each_change_counts_the_version_up(void **state)
{
	uint64_t last = 0, version;
	char key_id[16];
	size_t len;

	(void)state;
	for (int i = 0; i < 50; i++) {
		(void)snprintf(key_id, sizeof(key_id), "id-%d", i);
		assert_int_equal(post("ssh/revoke", "key_id", key_id), 200);
		version = fetch(&len);
		assert_true(version > last);
		last = version;
		/* Nothing changes: the same, whoever asks. */
		assert_int_equal(post("ssh/revoke", "key_id", key_id), 200);
		assert_true(fetch(&len) == last);
	}
}

/* The names of revoked records share few bits: none is ever missed. */
static void
what_is_revoked_is_not_signed(void **state)
{
	static const char body[] =
		"{\"key_type\":\"ed25519\",\"key_id\":\"id-%zu\"}";
	size_t wrong = 0;
	char text[128];

	(void)state;
	api_call(fixture, OP_UPDATE, "ssh/roles/ops", SIGNS_BY_ID, &reply);
	assert_int_equal(reply.status, 204);
	for (size_t i = 0; i < REVOKED_IDS; i += 2) {
		(void)snprintf(text, sizeof(text), "id-%zu", i);
		assert_int_equal(post("ssh/revoke", "key_id", text), 200);
	}
	for (size_t i = 0; i < REVOKED_IDS; i++) {
		(void)snprintf(text, sizeof(text), body, i);
		api_call(fixture, OP_UPDATE, "ssh/issue/ops", text, &reply);
		wrong += reply.status != (i % 2 == 0 ? 400 : 200);
	}
	figures_report(
		"S3-24", REVOKED_IDS, wrong, "key ids, half of them revoked");
	assert_int_equal(wrong, 0);
}

/* Taken off the list, it may be signed again. */
static void
what_is_off_the_list_is_signed_again(void **state)
{
	static const char sign_it[] =
		"{\"public_key\":\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\"}";
	const struct value *keys = NULL;
	char path[64];

	(void)state;
	api_call(fixture, OP_UPDATE, "ssh/sign/ops", sign_it, &reply);
	assert_int_equal(reply.status, 200);
	api_call(fixture, OP_UPDATE, "ssh/revoke", sign_it, &reply);
	assert_int_equal(reply.status, 200);
	api_call(fixture, OP_UPDATE, "ssh/sign/ops", sign_it, &reply);
	assert_int_equal(reply.status, 400);
	api_call(fixture, OP_LIST, "ssh/revoked", NULL, &reply);
	keys = value_find(reply.data, "keys");
	assert_non_null(keys->first);
	(void)snprintf(path, sizeof(path), "ssh/revoked/%s", keys->first->str);
	api_call(fixture, OP_DELETE, path, NULL, &reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_UPDATE, "ssh/sign/ops", sign_it, &reply);
	assert_int_equal(reply.status, 200);
}

/* Hosts have seen versions that the store put back knows nothing of. */
static void
a_restored_list_has_a_version_past_all(void **state)
{
	uint64_t before, after;
	size_t len;

	(void)state;
	assert_int_equal(post("ssh/revoke", "key_id", "a"), 200);
	before = fetch(&len);
	atomic_fetch_add(&fixture->server->epoch, 1);
	go_to(100);
	after = fetch(&len);
	assert_true(after >= before + 99000000);
	assert_true(fetch(&len) == after);
}

/* The same where nothing was revoked when the copy was made. */
static void
a_restored_empty_list_has_a_version(void **state)
{
	size_t len;

	(void)state;
	atomic_store(&fixture->server->epoch, 2);
	assert_true(fetch(&len) > 0);
	assert_int_equal(len, 0);
}

static void
a_list_goes_with_its_mount(void **state)
{
	uint64_t version;
	size_t len;

	(void)state;
	assert_int_equal(post("ssh/revoke", "key_id", "a"), 200);
	version = fetch(&len);
	api_call(fixture, OP_UPDATE, "sys/mounts/other", "{\"type\":\"ssh\"}",
		&reply);
	api_call(fixture, OP_DELETE, "sys/mounts/ssh", NULL, &reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_UPDATE, "sys/mounts/ssh", "{\"type\":\"ssh\"}",
		&reply);
	assert_int_equal(reply.status, 204);
	assert_true(fetch(&len) != version);
	assert_int_equal(len, 0);
}

static void
tidy(int64_t buffer_s)
{
	char text[32];
	const struct req_pair query = { "safety_buffer", text };
	const struct api_request request = { .method = "DELETE",
		.path = "ssh/tidy/certs",
		.token = fixture->root,
		.query = &query,
		.n_query = 1 };

	(void)snprintf(text, sizeof(text), "%lld", (long long)buffer_s);
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 202);
}

/*
 * L46: of certificates with ends at random, tidy at random times and with
 * random buffers takes those that ended longer ago, and no other.
 */
static void
tidy_deletes_final_rows_past_their_buffer_alone(void **state)
{
	struct {
		const char *serial;
		int64_t ttl_s;
		bool gone;
	} certs[PROPERTY_CERTS];

	size_t tries = 0, wrong = 0;
	uint64_t seed = 46;

	(void)state;
	for (size_t i = 0; i < PROPERTY_CERTS; i++) {
		certs[i].ttl_s = 1800 + 3600 * (int64_t)(i * 7 % 60);
		certs[i].serial = sign(certs[i].ttl_s);
		certs[i].gone = false;
		if (i % 3 == 0)
			assert_int_equal(post("ssh/revoke", "serial_number",
						 certs[i].serial),
				200);
	}
	for (int64_t round = 0; round < PROPERTY_ROUNDS; round++) {
		int64_t now_s = round * 3 * HOUR_S, buffer_s;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		buffer_s = HOUR_S * (int64_t)(1 + (seed >> 33) % 20);
		go_to(now_s);
		tidy(buffer_s);
		for (size_t i = 0; i < PROPERTY_CERTS; i++) {
			certs[i].gone = certs[i].gone ||
				certs[i].ttl_s + buffer_s < now_s;
			tries++;
			wrong += is_known(certs[i].serial) == certs[i].gone;
		}
	}
	figures_report(
		"L46", tries, wrong, "rows of certificates behind a tidy");
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_serial_number_is_hex),
		SIGNING(a_row_goes_when_its_retention_is_over),
		SIGNING(a_revoked_serial_is_listed_until_its_end),
		SIGNING(each_change_counts_the_version_up),
		SIGNING(what_is_revoked_is_not_signed),
		SIGNING(what_is_off_the_list_is_signed_again),
		SIGNING(a_restored_list_has_a_version_past_all),
		SIGNING(a_restored_empty_list_has_a_version),
		SIGNING(a_list_goes_with_its_mount),
		SIGNING(tidy_deletes_final_rows_past_their_buffer_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
