/* keys/: taken in, made, replaced, opened by version, and deleted. */
#include "lib/sshkey.h"
#include "lib/sshkeypair.h"
#include "server/engines/ssh/records/named_key.h"
#include "tests/unit/ssh/ssh_fixture.h"

#define GENERATE "{\"generate\":true}"

static struct mount *mount;

static int
setup_keys(void **state)
{
	if (setup(state) != 0)
		return 1;
	mount = mounts_find(fixture->server->mounts, "ssh/");
	return mount == NULL;
}

static int
teardown_keys(void **state)
{
	mount_unref(fixture->server->mounts, &mount);
	return teardown(state);
}

/* A JSON body with this text as the key. */
static const char *
body_of(struct span text, const char *more)
{
	struct buf body;
	const char *copy;

	buf_init(&body, 65536);
	(void)buf_addf(&body, "{\"key\":\"");
	for (size_t i = 0; i < text.len; i++)
		(void)(text.data[i] == '\n'
				? buf_add(&body, "\\n", 2)
				: buf_add_char(&body, (char)text.data[i]));
	(void)buf_addf(&body, "\"%s}", more);
	copy = arena_strdup(fixture->arena, buf_str(&body));
	buf_clear(&body);
	return copy;
}

static struct span
new_text(const char *type, unsigned bits, enum sshkeypair_form form,
	const char **ret_line)
{
	struct sshkeypair *pair = NULL;
	struct span text;
	struct buf out;

	buf_init(&out, SSHKEYPAIR_TEXT_MAX);
	assert_int_equal(sshkeypair_generate(type, bits, &pair, NULL), 0);
	assert_int_equal(sshkeypair_write(pair, form, "", &out, NULL), 0);
	text = arena_dup(fixture->arena, buf_span(&out));
	*ret_line = sshkey_line(fixture->arena, sshkeypair_public(pair));
	buf_clear(&out);
	sshkeypair_free(&pair);
	return text;
}

static void
read_key(const char *name)
{
	const char *path = arena_printf(fixture->arena, "ssh/keys/%s", name);

	api_call(fixture, OP_READ, path, NULL, &reply);
	assert_int_equal(reply.status, 200);
}

/* Version `version` (0: the current one) opens, and is the half of line. */
static void
opens_as(const char *name, int64_t version, const char *line)
{
	struct sshkeypair *pair = NULL;
	struct secret_view text;
	struct err err = { 0 };

	assert_int_equal(named_key_open(fixture->server, &mount->kv, name,
				 version, fixture->arena, &text, &err),
		0);
	assert_int_equal(sshkeypair_parse(text, &pair, NULL), 0);
	assert_string_equal(
		sshkey_line(fixture->arena, sshkeypair_public(pair)), line);
	sshkeypair_free(&pair);
}

static void
is_gone(const char *name, int64_t version)
{
	struct secret_view text;
	struct err err = { 0 };

	assert_int_equal(named_key_open(fixture->server, &mount->kv, name,
				 version, fixture->arena, &text, &err),
		ERR_ABSENT);
	assert_int_equal(err.status, 500);
	assert_string_equal(err.message,
		arena_printf(fixture->arena, "key \"%s\" not found", name));
}

static void
put_record(const char *name, const char *type, const char *key)
{
	struct value *record = value_object(fixture->arena);

	assert_true(value_set_str(fixture->arena, record, "key_type", type));
	assert_true(value_set_str(fixture->arena, record, "key", key));
	assert_int_equal(kv_write(fixture->server->store, &mount->kv, name,
				 record, NULL),
		0);
}

static void
each_form_of_a_key_is_taken_in(void **state)
{
	static const struct {
		const char *type;
		unsigned bits;
		enum sshkeypair_form form;
		const char *name;
	} cases[] = {
		{ "ed25519", 0, SSHKEYPAIR_OPENSSH, "ssh-ed25519" },
		{ "rsa", 2048, SSHKEYPAIR_OPENSSH, "ssh-rsa" },
		{ "rsa", 2048, SSHKEYPAIR_TRADITIONAL, "ssh-rsa" },
		{ "ec", 256, SSHKEYPAIR_TRADITIONAL, "ecdsa-sha2-nistp256" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *line = NULL;
		struct span text = new_text(
			cases[i].type, cases[i].bits, cases[i].form, &line);

		api_call(fixture, OP_UPDATE, "ssh/keys/lab", body_of(text, ""),
			&reply);
		assert_int_equal(reply.status, 204);
		read_key("lab");
		assert_string_equal(
			value_find_str(reply.data, "type", ""), cases[i].name);
		assert_string_equal(
			value_find_str(reply.data, "public_key", ""), line);
		assert_null(strstr(reply.body, "PRIVATE"));
		opens_as("lab", 0, line);
		opens_as("lab", value_find_int(reply.data, "version", 0), line);
	}
}

static void
what_is_no_key_is_refused(void **state)
{
	static const struct {
		const char *key, *says;
	} cases[] = {
		{ "", "Invalid key" },
		{ "hello", "Invalid key" },
		{ "ssh-ed25519 AAAA", "Invalid key" },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
			"Invalid key: private key is encrypted; remove its passphrase first" },
		{ "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
			"Invalid key: private key is encrypted; remove its passphrase first" },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
			"Invalid key: private key is damaged" },
		{ "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n",
			"Invalid key: DSA keys are not supported" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		api_call(fixture, OP_UPDATE, "ssh/keys/lab",
			body_of(span_str(cases[i].key), ""), &reply);
		assert_int_equal(reply.status, 400);
		assert_string_equal(api_error(&reply), cases[i].says);
	}
	api_call(fixture, OP_READ, "ssh/keys/lab", NULL, &reply);
	assert_int_equal(reply.status, 404);
}

static void
a_made_key_shows_its_public_half_alone(void **state)
{
	const char *line;

	(void)state;
	api_call(fixture, OP_UPDATE, "ssh/keys/lab", GENERATE, &reply);
	assert_int_equal(reply.status, 200);
	assert_null(strstr(reply.body, "PRIVATE"));
	line = value_find_str(reply.data, "public_key", NULL);
	assert_string_equal(
		value_find_str(reply.data, "type", ""), "ssh-ed25519");
	opens_as("lab", 1, line);
	api_call(fixture, OP_UPDATE, "ssh/keys/big",
		"{\"generate\":true,\"key_type\":\"rsa\",\"key_bits\":2048}",
		&reply);
	assert_int_equal(reply.status, 200);
	api_call(fixture, OP_LIST, "ssh/keys", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(
		value_find_str(
			value_find(value_find(reply.data, "key_info"), "big"),
			"type", ""),
		"ssh-rsa");
	assert_null(strstr(reply.body, "sealed"));
}

static void
what_cannot_be_made_is_refused(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/keys/a",
			"{\"generate\":true,\"key_type\":\"dsa\"}", 400,
			"unknown ssh key pair algorithm: dsa", NULL },
		{ "POST", "ssh/keys/a",
			"{\"generate\":true,\"key_type\":\"rsa\",\"key_bits\":1024}",
			400,
			"refusing to generate weak rsa key: 1024 bits < 2048 bits",
			NULL },
		{ "POST", "ssh/keys/a", "{\"generate\":true,\"key\":\"x\"}",
			400, "key must not be set when generate is set to true",
			NULL },
		{ "POST", "ssh/keys/a", "{}", 400, "Invalid key", NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

static void
a_name_is_not_taken_twice_where_that_is_asked(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/keys/a", "{\"generate\":true,\"replace\":false}",
			200, NULL, NULL },
		{ "POST", "ssh/keys/a", "{\"generate\":true,\"replace\":false}",
			400, "key \"a\" is there already", NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

/* Nobody needs the former version: it goes. The same key again is no other. */
static void
a_replaced_key_goes_unless_it_is_the_same(void **state)
{
	const char *first, *second;
	struct span text = new_text("ed25519", 0, SSHKEYPAIR_OPENSSH, &first);

	(void)state;
	api_call(fixture, OP_UPDATE, "ssh/keys/a", body_of(text, ""), &reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_UPDATE, "ssh/keys/a",
		body_of(text, ",\"max_age\":\"1h\""), &reply);
	assert_int_equal(reply.status, 204);
	read_key("a");
	assert_int_equal(value_find_int(reply.data, "version", 0), 1);
	assert_int_equal(value_find_int(reply.data, "max_age", 0), 3600);
	text = new_text("ed25519", 0, SSHKEYPAIR_OPENSSH, &second);
	api_call(fixture, OP_UPDATE, "ssh/keys/a", body_of(text, ""), &reply);
	assert_int_equal(reply.status, 204);
	read_key("a");
	assert_int_equal(value_find_int(reply.data, "version", 0), 2);
	opens_as("a", 0, second);
	is_gone("a", 1);
}

static void
a_key_in_use_stays_unless_forced(void **state)
{
	static const struct api_step refused[] = { { "DELETE", "ssh/keys/a",
		NULL, 400,
		"key \"a\" is in use by role \"r\", target \"t\", 0 leases; force=true deletes it all the same",
		NULL } };
	const struct req_pair force = { "force", "true" };
	const struct api_request request = { .method = "DELETE",
		.path = "ssh/keys/a",
		.token = fixture->root,
		.query = &force,
		.n_query = 1 };

	(void)state;
	api_call(fixture, OP_UPDATE, "ssh/keys/a", GENERATE, &reply);
	put_record("roles/r", "dynamic", "a");
	put_record("roles/other", "otp", "a");
	put_record("roles/third", "dynamic", "b");
	put_record("targets/t", "", "a");
	API_RUN_STEPS(fixture, refused);
	read_key("a");
	assert_non_null(strstr(reply.body, "\"roles\":[\"r\"]"));
	assert_non_null(strstr(reply.body, "\"targets\":[\"t\"]"));
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_READ, "ssh/keys/a", NULL, &reply);
	assert_int_equal(reply.status, 404);
	is_gone("a", 0);
	is_gone("a", 1);
	/* What is not there is deleted, whoever names it. */
	api_call(fixture, OP_DELETE, "ssh/keys/a", NULL, &reply);
	assert_int_equal(reply.status, 204);
}

static void
tidy_removes_what_nobody_names(void **state)
{
	(void)state;
	api_call(fixture, OP_UPDATE, "ssh/keys/a", GENERATE, &reply);
	api_call(fixture, OP_UPDATE, "ssh/keys/b", GENERATE, &reply);
	api_call(fixture, OP_UPDATE, "ssh/keys/c", GENERATE, &reply);
	put_record("roles/r", "dynamic", "b");
	api_call(fixture, OP_DELETE, "ssh/tidy/dynamic-keys", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(value_find_str(reply.data, "message", ""),
		"Removed 2 of 3 host keys.");
	read_key("b");
	is_gone("a", 1);
	is_gone("c", 0);
	api_call(fixture, OP_DELETE, "ssh/tidy/dynamic-keys", NULL, &reply);
	assert_string_equal(value_find_str(reply.data, "message", ""),
		"Removed 0 of 1 host keys.");
}

static void
an_old_key_is_warned_of(void **state)
{
	(void)state;
	api_call(fixture, OP_UPDATE, "ssh/keys/a",
		"{\"generate\":true,\"max_age\":\"24h\"}", &reply);
	assert_int_equal(reply.status, 200);
	read_key("a");
	assert_null(strstr(reply.body, "max_age: replace"));
	atomic_fetch_add(&fixture->clock_ahead_ns, 2 * 86400 * CLOCK_NS_PER_S);
	read_key("a");
	assert_non_null(strstr(reply.body, "days old, more than its max_age"));
}

#define KEYS(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup_keys, teardown_keys)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS(each_form_of_a_key_is_taken_in),
		KEYS(what_is_no_key_is_refused),
		KEYS(a_made_key_shows_its_public_half_alone),
		KEYS(what_cannot_be_made_is_refused),
		KEYS(a_name_is_not_taken_twice_where_that_is_asked),
		KEYS(a_replaced_key_goes_unless_it_is_the_same),
		KEYS(a_key_in_use_stays_unless_forced),
		KEYS(tidy_removes_what_nobody_names),
		KEYS(an_old_key_is_warned_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
