/* targets/:name: what may be stored, what is shown, found by address; pins. */
#include "server/engines/ssh/records/target.h"

#include "tests/support/mounted.h"

#define ED25519                                                                \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define OTHER                                                                  \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPIR3rhahVQP7NRzJA3ORE1NX+cpbvi0/iEvjjUEpr5m"

static int
setup(void **state)
{
	(void)state;
	return mount_ssh();
}

static int
put(const char *name, const char *body)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "ssh/targets/%s", name);
	api_call(fixture, OP_UPDATE, path, body, &reply);
	return reply.status;
}

static const struct value *
get(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "ssh/targets/%s", name);
	api_call(fixture, OP_READ, path, NULL, &reply);
	assert_int_equal(reply.status, 200);
	return reply.data;
}

static struct kv
kv_of_ssh(void)
{
	struct mount *mount = mounts_find(fixture->server->mounts, "ssh/x");
	struct kv kv;

	assert_non_null(mount);
	kv = mount->kv;
	mount_unref(fixture->server->mounts, &mount);
	return kv;
}

/* The name of the target at an address; "": there is none. */
static const char *
at(const char *host, int64_t port)
{
	const struct kv kv = kv_of_ssh();
	const struct ssh_target *target = NULL;
	const char *name = "";
	struct err err = { 0 };
	int rc = target_find_by_address(fixture->server->store, &kv, host, port,
		fixture->arena, &name, &target, &err);

	assert_true(rc == 0 || rc == ERR_ABSENT);
	if (rc == 0)
		assert_string_equal(target->host, host);
	return name;
}

static void
a_host_has_one_spelling(void **state)
{
	static const struct {
		const char *sent, *stored;
	} rows[] = {
		{ "10.1.2.3", "10.1.2.3" },
		{ "::FFFF:10.1.2.3", "10.1.2.3" },
		{ "2001:DB8::0:1", "2001:db8::1" },
		{ "FE80::0:1%eth0", "fe80::1%eth0" },
		{ "fe80::1%en-P1.2_x", "fe80::1%en-P1.2_x" },
		{ "Router1.Example.com", "router1.example.com" },
		{ "nas", "nas" },
		{ "", NULL },
		{ "a b", NULL },
		{ "[::1]", NULL },
		{ "10.1.2.3:22", NULL },
		{ "2001:db8::1%eth0", NULL },
		{ "10.1.2.3%eth0", NULL },
		{ "fe80::1%", NULL },
		{ "fe80::1%eth0;id", NULL },
		{ "fe80::1%abcdefghijklmnop", NULL },
		{ "*.example.com", NULL },
		{ "a\\nb", NULL },
		{ "-oProxyCommand=id", NULL },
		{ "root@nas", NULL },
	};

	char body[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(
			body, sizeof(body), "{\"host\":\"%s\"}", rows[i].sent);
		assert_int_equal(
			put("t", body), rows[i].stored != NULL ? 204 : 400);
		if (rows[i].stored != NULL)
			assert_string_equal(
				value_find_str(get("t"), "host", ""),
				rows[i].stored);
	}
}

static void
what_cannot_work_is_refused_by_name(void **state)
{
	static const struct {
		const char *more, *error;
	} rows[] = {
		{ "\"port\":0", "invalid port: must be from 1 to 65535" },
		{ "\"port\":-1", "invalid port: must be from 1 to 65535" },
		{ "\"port\":65536", "invalid port: must be from 1 to 65535" },
		{ "\"timeout\":61", "invalid timeout: it must be 1 s to 60 s" },
		{ "\"timeout\":\"1h\"",
			"invalid timeout: it must be 1 s to 60 s" },
		{ "\"user\":\"a b\"", "invalid user: a b" },
		{ "\"user\":\"a*\"", "invalid user: a*" },
		{ "\"host_key_policy\":\"yes\"",
			"invalid host_key_policy: yes is none of strict, tofu, off" },
		{ "\"host_keys\":\"wood\"",
			"invalid host key: neither a public key nor a SHA256 fingerprint: wood" },
		{ "\"source_address\":\"eth0\"",
			"invalid source_address: eth0 is no address" },
		{ "\"url\":\"http://nas/\"",
			"invalid url: \"http://nas/\" does not begin with https://" },
		{ "\"ca_cert\":\"wood\"",
			"invalid ca_cert: no certificate as PEM text" },
		{ "\"tls_pin\":\"sha256//AAAA\"",
			"invalid tls_pin: it is sha256// and the base64 of 32 bytes" },
	};

	char body[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(body, sizeof(body), "{\"host\":\"10.1.2.3\",%s}",
			rows[i].more);
		assert_int_equal(put("t", body), 400);
		assert_string_equal(api_error(&reply), rows[i].error);
	}
	api_call(fixture, OP_READ, "ssh/targets/t", NULL, &reply);
	assert_int_equal(reply.status, 404);
}

static void
the_api_secret_is_never_shown_and_stays(void **state)
{
	(void)state;
	assert_int_equal(put("nas",
				 "{\"host\":\"nas\",\"url\":\"https://nas\","
				 "\"api_secret\":\"squirrel\"}"),
		204);
	assert_int_equal(put("nas", "{\"port\":2222}"), 204);
	get("nas");
	assert_null(strstr(reply.body, "squirrel"));
	assert_true(value_find_bool(reply.data, "api_secret_set", false));
	assert_int_equal(value_find_int(reply.data, "port", 0), 2222);
	assert_string_equal(
		value_find_str(reply.data, "url", ""), "https://nas");
	assert_string_equal(
		value_find_str(reply.data, "host_key_policy", ""), "strict");
	assert_string_equal(value_find_str(reply.data, "profile", ""), "linux");
	assert_int_equal(value_find_int(reply.data, "timeout", 0), 20);
	assert_int_equal(put("nas", "{\"api_secret\":\"\"}"), 204);
	assert_false(value_find_bool(get("nas"), "api_secret_set", true));
	api_call(fixture, OP_LIST, "ssh/targets", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_null(strstr(reply.body, "squirrel"));
}

static void
it_is_found_where_it_is_and_nowhere_else(void **state)
{
	(void)state;
	assert_string_equal(at("10.1.2.3", 22), "");
	assert_int_equal(put("b", "{\"host\":\"10.1.2.3\"}"), 204);
	assert_string_equal(at("10.1.2.3", 22), "b");
	assert_string_equal(at("10.1.2.3", 2222), "");
	assert_string_equal(at("10.1.2.30", 22), "");
	assert_int_equal(put("a", "{\"host\":\"10.1.2.3\"}"), 204);
	assert_string_equal(at("10.1.2.3", 22), "a");
	assert_int_equal(put("a", "{\"port\":2222}"), 204);
	assert_string_equal(at("10.1.2.3", 22), "b");
	assert_string_equal(at("10.1.2.3", 2222), "a");
	api_call(fixture, OP_DELETE, "ssh/targets/b", NULL, &reply);
	assert_int_equal(reply.status, 204);
	assert_string_equal(at("10.1.2.3", 22), "");
	assert_int_equal(put("a", "{\"host\":\"10.1.2.4\"}"), 204);
	assert_string_equal(at("10.1.2.3", 2222), "");
	assert_string_equal(at("10.1.2.4", 2222), "a");
}

static int
pin(const char *host, const char *key)
{
	const struct kv kv = kv_of_ssh();
	struct err err = { 0 };

	return target_pin(fixture->server, &kv, host, 22, key, &err);
}

static struct str_list
pins_of(const char *host)
{
	const struct kv kv = kv_of_ssh();
	struct str_list pins = { NULL, 0 };
	struct err err = { 0 };

	assert_int_equal(target_pins(fixture->server->store, &kv, host, 22,
				 fixture->arena, &pins, &err),
		0);
	return pins;
}

static void
the_first_key_is_pinned_and_no_other(void **state)
{
	(void)state;
	assert_int_equal(pins_of("10.1.2.3").n, 0);
	assert_int_equal(pin("10.1.2.3", ED25519), 0);
	assert_int_equal(pin("10.1.2.3", ED25519), 0);
	assert_int_equal(pin("10.1.2.3", OTHER), ERR_DENIED);
	assert_int_equal(pins_of("10.1.2.3").n, 1);
	assert_string_equal(pins_of("10.1.2.3").items[0], ED25519);
	assert_int_equal(pins_of("10.1.2.4").n, 0);
}

static void
a_target_keeps_the_key_and_forgets_what_was_learned_before(void **state)
{
	const struct value *keys;

	(void)state;
	assert_int_equal(pin("10.1.2.3", OTHER), 0);
	assert_int_equal(put("t", "{\"host\":\"10.1.2.3\"}"), 204);
	assert_int_equal(pins_of("10.1.2.3").n, 0);
	assert_int_equal(pin("10.1.2.3", ED25519), 0);
	assert_string_equal(pins_of("10.1.2.3").items[0], ED25519);
	keys = value_find(get("t"), "host_keys");
	assert_int_equal(keys->n, 1);
	assert_string_equal(keys->first->str, ED25519);
	assert_int_equal(pin("10.1.2.3", OTHER), ERR_DENIED);
	api_call(fixture, OP_DELETE, "ssh/targets/t", NULL, &reply);
	assert_int_equal(pins_of("10.1.2.3").n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_host_has_one_spelling),
		MOUNTED(what_cannot_work_is_refused_by_name),
		MOUNTED(the_api_secret_is_never_shown_and_stays),
		MOUNTED(it_is_found_where_it_is_and_nowhere_else),
		MOUNTED(the_first_key_is_pinned_and_no_other),
		MOUNTED(a_target_keeps_the_key_and_forgets_what_was_learned_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
