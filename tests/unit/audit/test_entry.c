/* Entries: order of members, what is hashed, what stays clear. */
#include "audit/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/codec.h"
#include "lib/json.h"

struct fixture {
	struct arena *arena;
	struct hasher *hasher;
	struct entry_style style;
	struct buf out;
};

static const uint8_t key[HASHER_KEY] = { 1, 2, 3 };

static int
setup(void **state)
{
	static struct fixture f;

	json_setup();
	f.arena = arena_new(1 << 20);
	buf_init(&f.out, 1 << 20);
	f.style = (struct entry_style){ 0 };
	*state = &f;
	if (hasher_new(key, &f.hasher, NULL) != 0)
		return -1;
	f.style.hasher = f.hasher;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	hasher_free(&f->hasher);
	buf_clear(&f->out);
	arena_free(&f->arena);
	return 0;
}

static const struct value *
parse(struct fixture *f, const char *json)
{
	struct value *value = NULL;

	assert_int_equal(json_parse(span_str(json), &json_limits_trusted,
				 f->arena, &value, NULL),
		0);
	return value;
}

/* libsodium's HMAC, as a second opinion. */
static const char *
hash_of(struct fixture *f, const char *text)
{
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	char hex[2 * sizeof(mac) + 1];
	char *form = NULL;

	crypto_auth_hmacsha256(mac, (const uint8_t *)text, strlen(text), key);
	hex_encode(mac, sizeof(mac), hex);
	form = arena_printf(f->arena, "hmac-sha256:%s", hex);
	assert_non_null(form);
	return form;
}

static const char *
render(struct fixture *f, const struct audit_entry *entry)
{
	buf_reset(&f->out);
	assert_int_equal(entry_render(entry, &f->style, &f->out, NULL), 0);
	return buf_str(&f->out);
}

static const char *policies[] = { "default", "web" };

static struct audit_auth
full_auth(struct fixture *f)
{
	return (struct audit_auth){
		.client_token = secret_view_of("hvs.token", 9),
		.accessor = "acc",
		.display_name = "approle",
		.policies = { policies, 2 },
		.token_policies = { policies, 1 },
		.no_default_policy = true,
		.metadata = parse(f, "{\"role_name\":\"ci\"}"),
		.num_uses = 3,
		.remaining_uses = 2,
		.entity_id = "ent",
		.token_type = "service",
		.token_ttl_s = 3600,
		.token_issue_ns = INT64_C(1795248000123456789),
	};
}

static struct audit_entry
full_entry(struct fixture *f, const struct audit_auth *auth)
{
	return (struct audit_entry){
		.time_ns = INT64_C(1795248841000000001),
		.is_response = true,
		.error = "went wrong",
		.auth = auth,
		.request_id = "id-1",
		.operation = "update",
		.mount_type = "ssh",
		.client_token = secret_view_of("hvs.token", 9),
		.client_token_accessor = "acc",
		.path = "ssh/creds/web",
		.request_data = parse(f, "{\"ip\":\"192.0.2.7\",\"n\":5}"),
		.remote_address = "192.0.2.9",
		.wrap_ttl_s = 60,
		.client_serial = "255",
		.response_auth = auth,
		.lease_id = "ssh/creds/web/7",
		.response_data = parse(f, "{\"key\":\"K\"}"),
		.warnings = parse(f, "[\"w\"]"),
		.redirect = "there",
		.recovered = true,
		.status = 200,
	};
}

#define AUTH                                                                   \
	"{\"client_token\":\"hvs.token\",\"accessor\":\"acc\","                \
	"\"display_name\":\"approle\",\"policies\":[\"default\",\"web\"],"     \
	"\"token_policies\":[\"default\"],\"no_default_policy\":true,"         \
	"\"metadata\":{\"role_name\":\"ci\"},\"num_uses\":3,"                  \
	"\"remaining_uses\":2,\"entity_id\":\"ent\","                          \
	"\"token_type\":\"service\",\"token_ttl\":3600,"                       \
	"\"token_issue_time\":\"2026-11-21T08:00:00Z\"}"

static void
members_stand_in_the_peers_order(void **state)
{
	struct fixture *f = *state;
	struct audit_auth auth = full_auth(f);
	struct audit_entry entry = full_entry(f, &auth);

	f->style.log_raw = true;
	assert_string_equal(render(f, &entry),
		"{\"time\":\"2026-11-21T08:14:01.000000001Z\","
		"\"type\":\"response\",\"auth\":" AUTH ",\"request\":{"
		"\"id\":\"id-1\",\"operation\":\"update\","
		"\"mount_type\":\"ssh\",\"client_token\":\"hvs.token\","
		"\"client_token_accessor\":\"acc\","
		"\"namespace\":{\"id\":\"root\"},\"path\":\"ssh/creds/web\","
		"\"data\":{\"ip\":\"192.0.2.7\",\"n\":5},"
		"\"remote_address\":\"192.0.2.9\",\"wrap_ttl\":60,"
		"\"client_certificate_serial_number\":\"255\"},"
		"\"response\":{\"auth\":" AUTH ",\"mount_type\":\"ssh\","
		"\"secret\":{\"lease_id\":\"ssh/creds/web/7\"},"
		"\"data\":{\"key\":\"K\"},\"warnings\":[\"w\"],"
		"\"redirect\":\"there\"},\"error\":\"went wrong\","
		"\"recovered\":true,\"status\":200}");
}

static void
empty_members_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct audit_entry entry = {
		.path = "sys/x", .request_data = parse(f, "{}"), .error = ""
	};

	assert_string_equal(render(f, &entry),
		"{\"time\":\"1970-01-01T00:00:00Z\",\"type\":\"request\","
		"\"auth\":{\"token_type\":\"default\"},\"request\":{"
		"\"namespace\":{\"id\":\"root\"},\"path\":\"sys/x\"}}");
	entry.is_response = true;
	assert_non_null(strstr(render(f, &entry), "},\"response\":{}}"));
}

static const char *
member(struct fixture *f, const char *json, const char *const path[])
{
	const struct value *at = parse(f, json);

	for (; *path != NULL; path++)
		at = value_find(at, *path);
	assert_non_null(at);
	return at->str;
}

#define MEMBER(f, json, ...)                                                   \
	member(f, json, (const char *const[]){ __VA_ARGS__, NULL })

static void
tokens_accessors_and_strings_are_hashed(void **state)
{
	struct fixture *f = *state;
	struct audit_auth auth = full_auth(f);
	struct audit_entry entry = full_entry(f, &auth);
	const char *line = render(f, &entry);

	assert_string_equal(MEMBER(f, line, "auth", "client_token"),
		hash_of(f, "hvs.token"));
	assert_string_equal(MEMBER(f, line, "request", "client_token"),
		hash_of(f, "hvs.token"));
	assert_string_equal(MEMBER(f, line, "response", "auth", "client_token"),
		hash_of(f, "hvs.token"));
	assert_string_equal(
		MEMBER(f, line, "auth", "accessor"), hash_of(f, "acc"));
	assert_string_equal(
		MEMBER(f, line, "request", "data", "n"), hash_of(f, "5"));
	assert_string_equal(
		MEMBER(f, line, "response", "data", "key"), hash_of(f, "K"));
	assert_null(strstr(line, "hvs.token"));
	assert_null(strstr(line, "192.0.2.7"));
	assert_non_null(strstr(line, "192.0.2.9"));
	f->style.clear_accessor = true;
	line = render(f, &entry);
	assert_string_equal(MEMBER(f, line, "auth", "accessor"), "acc");
	assert_string_equal(
		MEMBER(f, line, "request", "client_token_accessor"), "acc");
	assert_null(strstr(line, "hvs.token"));
}

static void
leaves_are_hashed_at_any_depth_and_names_never(void **state)
{
	struct fixture *f = *state;
	struct value *data = value_object(f->arena);
	struct audit_entry entry = { .is_response = true };
	const char *line = NULL, *want = NULL;

	assert_true(value_set(f->arena, data, "deep",
		value_copy(f->arena,
			parse(f,
				"[{\"name\":[\"secret\",\"\",7,true,null]}]"))));
	assert_true(value_set_int(f->arena, data, "port", 22));
	entry.response_data = data;
	line = render(f, &entry);
	want = arena_printf(f->arena,
		"\"data\":{\"deep\":[{\"name\":[\"%s\",\"%s\",\"%s\",true,null]}],\"port\":22}",
		hash_of(f, "secret"), hash_of(f, ""), hash_of(f, "7"));
	assert_non_null(strstr(line, want));
}

static void
listed_names_keep_their_own_values_clear(void **state)
{
	static const char *clear[] = { "role", "list" };
	struct fixture *f = *state;
	struct audit_entry entry = { .is_response = true,
		.clear_request_keys = { clear, 2 } };
	const char *line = NULL, *want = NULL;

	entry.request_data = entry.response_data = parse(f,
		"{\"a\":{\"role\":\"web\"},\"list\":[\"x\",3],\"role\":{\"b\":\"s\"}}");
	line = render(f, &entry);
	want = arena_printf(f->arena,
		"\"data\":{\"a\":{\"role\":\"web\"},\"list\":[\"x\",3],\"role\":{\"b\":\"%s\"}}}",
		hash_of(f, "s"));
	assert_non_null(strstr(line, want));
	/* The list for requests says nothing about responses. */
	assert_null(strstr(strstr(line, "\"response\":"), "web"));
}

static void
the_same_text_has_the_same_hash_everywhere(void **state)
{
	struct fixture *f = *state;
	struct audit_entry entry = { .is_response = true,
		.request_data = parse(f, "{\"a\":\"same\"}"),
		.response_data = parse(f, "{\"b\":[\"same\"]}") };
	char hash[HASHER_TEXT + 1];
	const char *line = render(f, &entry), *first = NULL;

	hasher_text(f->hasher, span_str("same"), hash);
	assert_string_equal(hash, hash_of(f, "same"));
	first = strstr(line, hash);
	assert_non_null(first);
	assert_non_null(strstr(first + 1, hash));
}

/* More names than a rendering keeps hashes of: each has its own. */
static void
a_login_shows_two_tokens_and_two_accessors(void **state)
{
	struct fixture *f = *state;
	struct audit_auth auth = full_auth(f), made = full_auth(f);
	struct audit_entry entry = full_entry(f, &auth);
	const char *line = NULL;

	made.client_token = secret_view_of("hvs.other", 9);
	made.accessor = "cca";
	entry.response_auth = &made;
	line = render(f, &entry);
	assert_string_equal(MEMBER(f, line, "request", "client_token"),
		hash_of(f, "hvs.token"));
	assert_string_equal(MEMBER(f, line, "request", "client_token_accessor"),
		hash_of(f, "acc"));
	assert_string_equal(MEMBER(f, line, "response", "auth", "client_token"),
		hash_of(f, "hvs.other"));
	assert_string_equal(MEMBER(f, line, "response", "auth", "accessor"),
		hash_of(f, "cca"));
}

/* What stands behind the time and before the response. */
static const char *
common_part(struct fixture *f, const char *line)
{
	const char *start = strstr(line, "\"auth\":");
	const char *end = strstr(line, ",\"error\":");
	const char *response = strstr(line, ",\"response\":");

	assert_non_null(start);
	assert_non_null(end);
	if (response != NULL)
		end = response;
	return arena_strndup(f->arena, start, (size_t)(end - start));
}

static void
both_lines_of_a_request_share_their_common_part(void **state)
{
	struct fixture *f = *state;
	struct audit_common common = { .arena = f->arena };
	struct audit_auth auth = full_auth(f);
	struct audit_entry entry = full_entry(f, &auth);
	const char *alone = NULL, *first = NULL;

	alone = arena_strdup(f->arena, render(f, &entry));
	entry.common = &common;
	entry.is_response = false;
	first = common_part(f, render(f, &entry));
	assert_string_equal(first, common_part(f, alone));
	entry.is_response = true;
	assert_string_equal(render(f, &entry), alone);
	/* It was copied: what the entry says now is not looked at. */
	entry.path = "other";
	assert_string_equal(render(f, &entry), alone);
}

/* One device's hashes must never stand in another's lines. */
static void
another_device_renders_for_itself(void **state)
{
	static const uint8_t other_key[HASHER_KEY] = { 9 };
	struct fixture *f = *state;
	struct audit_common common = { .arena = f->arena };
	struct audit_auth auth = full_auth(f);
	struct audit_entry entry = full_entry(f, &auth);
	struct hasher *other = NULL;
	const char *alone = NULL;

	assert_int_equal(hasher_new(other_key, &other, NULL), 0);
	f->style.hasher = other;
	alone = arena_strdup(f->arena, render(f, &entry));
	entry.common = &common;
	f->style.hasher = f->hasher;
	assert_string_not_equal(render(f, &entry), alone);
	f->style.hasher = other;
	assert_string_equal(render(f, &entry), alone);
	hasher_free(&other);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_stand_in_the_peers_order),
		TEST(empty_members_are_left_out),
		TEST(tokens_accessors_and_strings_are_hashed),
		TEST(leaves_are_hashed_at_any_depth_and_names_never),
		TEST(listed_names_keep_their_own_values_clear),
		TEST(the_same_text_has_the_same_hash_everywhere),
		TEST(a_login_shows_two_tokens_and_two_accessors),
		TEST(both_lines_of_a_request_share_their_common_part),
		TEST(another_device_renders_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
