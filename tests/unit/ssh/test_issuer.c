/* Issuers: what a reference leads to, and what happens to them in time. */
#include "tests/unit/ssh/ssh_fixture.h"

#include "server/engines/ssh/ca/issuer_change.h"

#define GENERATE "{\"key_type\":\"ed25519\"}"
#define DAY_S INT64_C(86400)

/* Make an issuer by this call; its id. */
static const char *
make(const char *path, const char *body)
{
	api_call(fixture, OP_UPDATE, path, body, &reply);
	assert_int_equal(reply.status, 200);
	return value_find_str(reply.data, "issuer_id", NULL);
}

static void
go_to(int64_t ahead_s)
{
	fixture->clock_ahead_ns = ahead_s * CLOCK_NS_PER_S;
}

/* A request on the mount, as a handler has it. */
static struct req *
new_req(void)
{
	struct req *req = req_new(fixture->server);

	assert_non_null(req);
	req->mount = mounts_find(fixture->server->mounts, "ssh/x");
	assert_non_null(req->mount);
	return req;
}

static void
free_req(struct req **req)
{
	mount_unref(fixture->server->mounts, &(*req)->mount);
	req_free(req);
}

static void
finds(const char *ref, const char *id)
{
	struct req *req = new_req();
	struct ssh_issuer issuer;
	struct err err = { 0 };

	assert_int_equal(ssh_issuer_find(req, ref, &issuer, &err), 0);
	assert_string_equal(issuer.id, id);
	assert_true(issuer.sealed.len > 64 && issuer.public_blob.len > 32);
	free_req(&req);
}

static void
does_not_find(const char *ref, const char *text)
{
	struct req *req = new_req();
	struct ssh_issuer issuer;
	struct err err = { 0 };

	assert_int_equal(ssh_issuer_find(req, ref, &issuer, &err), ERR_INPUT);
	assert_int_equal(err.status, 400);
	assert_string_equal(err.message, text);
	free_req(&req);
}

static void
a_reference_is_default_an_id_or_a_name(void **state)
{
	const char *one, *two;

	(void)state;
	does_not_find("default", "no default issuer currently configured");
	does_not_find("DeFault", "no default issuer currently configured");
	does_not_find("", "unable to find issuer for reference: ");
	one = make("ssh/issuers/import/one", GENERATE);
	two = make("ssh/issuers/import/Two", GENERATE);
	finds("default", one);
	finds("DEFAULT", one);
	finds("one", one);
	finds(one, one);
	finds("Two", two);
	finds(two, two);
	does_not_find("two", "unable to find issuer for reference: two");
	does_not_find("../one", "unable to find issuer for reference: ../one");
}

/* Look-ups come from the cache: it follows every change. */
static void
a_reference_follows_what_changes(void **state)
{
	static const struct api_step rename[] = { { "POST", "ssh/issuer/one",
		"{\"issuer_name\":\"uno\"}", 200, NULL, NULL } };
	static const struct api_step remove[] = { { "DELETE", "ssh/issuer/uno",
		NULL, 204, NULL, NULL } };
	const char *one = make("ssh/issuers/import/one", GENERATE), *two;

	(void)state;
	finds("one", one);
	API_RUN_STEPS(fixture, rename);
	finds("uno", one);
	does_not_find("one", "unable to find issuer for reference: one");
	two = make("ssh/config/ca/rotate", "{\"issuer_name\":\"one\"}");
	finds("default", two);
	finds("one", two);
	(void)make("ssh/config/ca/rotate", "{}");
	API_RUN_STEPS(fixture, remove);
	does_not_find(one,
		arena_printf(fixture->arena,
			"unable to find issuer for reference: %s", one));
}

static size_t
lines_of_public_key(void)
{
	size_t n = 0;

	api_call_as(fixture, NULL, "GET", "ssh/public_key", NULL, &reply);
	assert_int_equal(reply.status, 200);
	for (const char *at = reply.body; (at = strchr(at, '\n')) != NULL; at++)
		n++;
	return n;
}

static void
a_former_default_is_listed_until_it_retires(void **state)
{
	(void)state;
	(void)make("ssh/config/ca", GENERATE);
	assert_int_equal(lines_of_public_key(), 1);
	(void)make("ssh/config/ca/rotate", "{}");
	(void)make("ssh/config/ca/rotate", "{\"retire_after\":\"1h\"}");
	assert_int_equal(lines_of_public_key(), 3);
	go_to(3600 - 60);
	assert_int_equal(lines_of_public_key(), 3);
	go_to(3600 + 60);
	assert_int_equal(lines_of_public_key(), 2);
	go_to(7 * DAY_S - 60);
	assert_int_equal(lines_of_public_key(), 2);
	go_to(7 * DAY_S + 60);
	assert_int_equal(lines_of_public_key(), 1);
}

/* Whether reading this issuer tells when it retires. */
static bool
tells_when_it_retires(const char *id)
{
	api_call(fixture, OP_READ,
		arena_printf(fixture->arena, "ssh/issuer/%s", id), NULL,
		&reply);
	assert_int_equal(reply.status, 200);
	return value_find(reply.data, "retire_after") != NULL;
}

static void
what_comes_back_does_not_retire(void **state)
{
	const char *one = make("ssh/issuers/import/one", GENERATE);

	(void)state;
	(void)make("ssh/config/ca/rotate", "{\"issuer_name\":\"two\"}");
	assert_true(tells_when_it_retires(one));
	api_call(fixture, OP_UPDATE, "ssh/config/issuers",
		"{\"default\":\"one\"}", &reply);
	assert_int_equal(reply.status, 200);
	assert_false(tells_when_it_retires(one));
	api_call(fixture, OP_UPDATE, "ssh/config/issuers",
		"{\"default\":\"two\"}", &reply);
	assert_true(tells_when_it_retires(one));
	api_call(fixture, OP_DELETE, "ssh/issuer/one", NULL, &reply);
	assert_int_equal(reply.status, 204);
	(void)make(arena_printf(fixture->arena,
			   "ssh/issuers/deleted/%s/restore", one),
		NULL);
	assert_false(tells_when_it_retires(one));
}

/* Until it is the default, however long that takes; then as any other. */
static void
an_announced_issuer_is_listed_until_it_is_the_default(void **state)
{
	static const struct api_step swap[] = { { "POST", "ssh/config/issuers",
		"{\"default\":\"next\"}", 200, NULL, NULL } };

	(void)state;
	(void)make("ssh/config/ca", GENERATE);
	(void)make("ssh/config/ca/rotate",
		"{\"set_default\":false,\"issuer_name\":\"next\"}");
	go_to(400 * DAY_S);
	assert_int_equal(lines_of_public_key(), 2);
	API_RUN_STEPS(fixture, swap);
	assert_int_equal(lines_of_public_key(), 2);
	go_to(408 * DAY_S);
	assert_int_equal(lines_of_public_key(), 1);
}

/* How many deleted issuers are kept. */
static size_t
n_kept(void)
{
	const struct value *keys;

	api_call(fixture, OP_LIST, "ssh/issuers/deleted", NULL, &reply);
	keys = value_find(reply.data, "keys");
	return keys != NULL ? keys->n : 0;
}

static void
a_deleted_issuer_is_kept_for_thirty_days(void **state)
{
	static const struct api_step remove[] = { { "DELETE", "ssh/config/ca",
		NULL, 204, NULL, NULL } };

	(void)state;
	(void)make("ssh/config/ca", GENERATE);
	API_RUN_STEPS(fixture, remove);
	go_to(SSH_ISSUER_KEPT_S - 60);
	(void)make("ssh/config/ca", GENERATE);
	assert_int_equal(n_kept(), 1);
	go_to(SSH_ISSUER_KEPT_S + 60);
	API_RUN_STEPS(fixture, remove);
	assert_int_equal(n_kept(), 1); /* the second one */
	go_to(2 * SSH_ISSUER_KEPT_S + 120);
	(void)make("ssh/issuers/import", GENERATE);
	assert_int_equal(n_kept(), 0);
}

static void
names_are_words_and_no_ids(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "a", NULL },
		{ "_.-_", NULL },
		{ "  ca-2026\t", NULL },
		{ "", "expected non-empty issuer name" },
		{ " \n", "expected non-empty issuer name" },
		{ "dEFAULT",
			"reserved keyword 'default' can not be used as issuer name" },
		{ "a.", "issuer name contained invalid characters" },
		{ "a..b", "issuer name contained invalid characters" },
		{ "a@b", "issuer name contained invalid characters" },
		{ "a\xc3\xa4"
		  "b",
			"issuer name contained invalid characters" },
		{ "6a0f6b2e-92f1-0c3d-b7aa-1e2d3c4b5a69",
			"issuer name can not look like an issuer id" },
	};
	struct req *req = new_req();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *name = cases[i].name;
		struct err err = { 0 };
		int rc = ssh_issuer_check_name(req, &name, &err);

		assert_int_equal(rc, cases[i].text == NULL ? 0 : ERR_INPUT);
		if (rc != 0)
			assert_string_equal(err.message, cases[i].text);
		else
			assert_null(strpbrk(name, " \t"));
	}
	free_req(&req);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_reference_is_default_an_id_or_a_name),
		MOUNTED(a_reference_follows_what_changes),
		MOUNTED(a_former_default_is_listed_until_it_retires),
		MOUNTED(what_comes_back_does_not_retire),
		MOUNTED(an_announced_issuer_is_listed_until_it_is_the_default),
		MOUNTED(a_deleted_issuer_is_kept_for_thirty_days),
		MOUNTED(names_are_words_and_no_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
