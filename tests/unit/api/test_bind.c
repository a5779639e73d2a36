/* What each field type takes, refuses and says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "server/api/bind.h"
#include "server/api/input.h"

struct wide {
	const char *text, *short_text, *role, *json;
	int64_t number, port, ttl;
	bool on;
	struct str_list list, names;
	struct str_map map;
	const struct value *object;
	struct secret_view otp;
};

static const struct field wide_fields[] = {
	FIELD_STR(struct wide, text, .initial = "usual", .alias = "old_text",
		.doc = "Text."),
	FIELD_STR(struct wide, short_text, .len_max = 4, .doc = "Short."),
	FIELD_STR(struct wide, role, .flags = FIELD_PATH, .doc = "Name."),
	FIELD_STR(struct wide, json, .flags = FIELD_JSON, .len_max = 20,
		.doc = "JSON."),
	FIELD_INT(struct wide, number, .doc = "Number."),
	FIELD_INT(struct wide, port, .min = 1, .max = 65535, .initial = "22",
		.doc = "Port."),
	FIELD_DURATION(struct wide, ttl, .doc = "Time."),
	FIELD_BOOL(struct wide, on, .doc = "Switch."),
	FIELD_LIST(struct wide, list, .doc = "List."),
	FIELD_NAMES(struct wide, names, .doc = "Names."),
	FIELD_MAP(struct wide, map, .doc = "Map."),
	FIELD_OBJECT(struct wide, object, .doc = "Object."),
	FIELD_SECRET(struct wide, otp, .len_max = 8, .doc = "Secret."),
	FIELD_END,
};

struct needy {
	const char *a;
	int64_t b;
};

static const struct field needy_fields[] = {
	FIELD_STR(struct needy, a, .flags = FIELD_REQUIRED, .doc = "A."),
	FIELD_INT(struct needy, b, .doc = "B."),
	FIELD_END,
};

static const struct op wide_op = { .path = "wide/:role",
	.verb = OP_UPDATE,
	.in_size = sizeof(struct wide),
	.fields = wide_fields };
static const struct op bare_op = { .path = "bare",
	.verb = OP_UPDATE,
	.flags = OP_BARE,
	.in_size = sizeof(struct wide),
	.fields = wide_fields };
static const struct op needy_op = { .path = "needy",
	.verb = OP_UPDATE,
	.in_size = sizeof(struct needy),
	.fields = needy_fields };
static const struct op list_op = { .path = "list", .verb = OP_LIST };

static struct req req;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	json_setup();
	req = (struct req){ .arena = arena_new(4 * 1024 * 1024) };
	err_clear(&err);
	return req.arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&req.arena);
	return 0;
}

static int
bind_body(const struct op *op, const char *body)
{
	bool bare = (op->flags & OP_BARE) != 0;
	int rc;

	err_clear(&err);
	req.op = op;
	req.verb = op->verb;
	req.body = span_str(body);
	req.data = NULL;
	req.in = NULL;
	req.given = 0;
	rc = input_scan(&req, bare, &err);
	if (rc == 0)
		rc = input_read(&req, bare, &err);
	return rc != 0 ? rc : bind_input(&req, &err);
}

static const struct wide *
bound(const char *body)
{
	assert_int_equal(bind_body(&wide_op, body), 0);
	return req.in;
}

static void
assert_refused(const char *body, const char *why)
{
	assert_int_equal(bind_body(&wide_op, body), ERR_INPUT);
	assert_int_equal(err.status, 400);
	assert_non_null(strstr(err.message, why));
}

static void
absent_fields_have_their_defaults(void **state)
{
	const struct wide *in = bound("");

	(void)state;
	assert_string_equal(in->text, "usual");
	assert_string_equal(in->short_text, "");
	assert_int_equal(in->port, 22);
	assert_int_equal(in->list.n, 0);
	assert_null(in->object);
	assert_int_equal(req.given, 0);
}

static void
null_and_empty_text_are_not_given(void **state)
{
	const struct wide *in = bound(
		"{\"text\":null,\"port\":\"\",\"on\":\"\",\"map\":\"\",\"object\":null,\"ttl\":\"\",\"otp\":\"\"}");

	(void)state;
	assert_string_equal(in->text, "usual");
	assert_int_equal(in->port, 22);
	assert_int_equal(req.given, 0);
	bound("{\"text\":\"x\"}");
	assert_int_equal(req.given, 1);
}

static void
strings_take_numbers_and_booleans_as_text(void **state)
{
	(void)state;
	assert_string_equal(bound("{\"text\":1.50}")->text, "1.50");
	assert_string_equal(bound("{\"text\":true}")->text, "1");
	assert_string_equal(bound("{\"text\":false}")->text, "0");
	assert_refused("{\"text\":[\"a\"]}",
		"error converting input [\"a\"] for field \"text\"");
	assert_refused("{\"text\":{\"a\":1}}", "expected a string");
	assert_refused("{\"text\":\"a\\u0000b\"}", "NUL");
}

static void
an_old_name_counts_where_the_new_is_missing(void **state)
{
	(void)state;
	assert_string_equal(bound("{\"old_text\":\"o\"}")->text, "o");
	assert_string_equal(
		bound("{\"old_text\":\"o\",\"text\":\"n\"}")->text, "n");
}

static void
text_has_a_bound(void **state)
{
	char body[5000];
	size_t at = strlen("{\"text\":\"");

	(void)state;
	assert_string_equal(
		bound("{\"short_text\":\"abcd\"}")->short_text, "abcd");
	assert_refused("{\"short_text\":\"abcde\"}", "longer than 4 bytes");
	memset(body, 'a', sizeof(body));
	memcpy(body, "{\"text\":\"", at);
	memcpy(body + at + 4097, "\"}", 3);
	assert_refused(body, "longer than 4096 bytes");
	memcpy(body + at + 4096, "\"}", 3);
	assert_int_equal(strlen(bound(body)->text), 4096);
}

static void
a_shown_value_is_short_and_printable(void **state)
{
	char body[300] = "{\"number\":\"\\u0007";

	(void)state;
	memset(body + strlen(body), 'x', 200);
	memcpy(body + strlen(body), "\"}", 3);
	assert_int_equal(bind_body(&wide_op, body), ERR_INPUT);
	assert_non_null(strstr(err.message,
		"error converting input ?xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx for field \"number\": expected a whole number"));
}

static void
integers_are_whole(void **state)
{
	(void)state;
	assert_int_equal(bound("{\"number\":-7}")->number, -7);
	assert_int_equal(bound("{\"number\":\"0x10\"}")->number, 16);
	assert_int_equal(bound("{\"number\":\"010\"}")->number, 8);
	assert_int_equal(bound("{\"number\":true}")->number, 1);
	assert_refused("{\"number\":22.0}", "expected a whole number");
	assert_refused("{\"number\":1e3}", "expected a whole number");
	assert_refused("{\"number\":\" 1\"}", "expected a whole number");
	assert_refused("{\"number\":[1]}", "expected a whole number");
}

static void
bounds_say_what_is_right(void **state)
{
	(void)state;
	assert_int_equal(bound("{\"port\":65535}")->port, 65535);
	assert_refused("{\"port\":0}",
		"error converting input 0 for field \"port\": must be between 1 and 65535");
	assert_refused("{\"port\":65536}", "must be between 1 and 65535");
}

static void
booleans_are_go_booleans(void **state)
{
	static const char *const yes[] = { "true", "1", "\"1\"", "\"t\"",
		"\"T\"", "\"true\"", "\"True\"", "\"TRUE\"" };
	static const char *const bad[] = { "2", "-1", "0.5", "\"yes\"",
		"\"tRUE\"", "[]" };
	char body[40];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(yes); i++) {
		(void)snprintf(body, sizeof(body), "{\"on\":%s}", yes[i]);
		assert_true(bound(body)->on);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		(void)snprintf(body, sizeof(body), "{\"on\":%s}", bad[i]);
		assert_refused(body, "expected true or false");
	}
	assert_false(bound("{\"on\":\"F\"}")->on);
}

static void
durations_are_seconds_or_go_text(void **state)
{
	(void)state;
	assert_int_equal(bound("{\"ttl\":60}")->ttl, 60);
	assert_int_equal(bound("{\"ttl\":\"60\"}")->ttl, 60);
	assert_int_equal(bound("{\"ttl\":\"1h30m\"}")->ttl, 5400);
	assert_int_equal(bound("{\"ttl\":\"1500ms\"}")->ttl, 1);
	assert_int_equal(bound("{\"ttl\":\"2d\"}")->ttl, 172800);
	assert_refused("{\"ttl\":-5}", "cannot provide negative value '-5'");
	assert_refused("{\"ttl\":\"-5s\"}", "cannot provide negative value");
	assert_refused("{\"ttl\":\"-1ms\"}", "cannot provide negative value");
	assert_refused("{\"ttl\":9223372037}", "9223372036");
	assert_refused("{\"ttl\":true}", "expected seconds");
	assert_refused("{\"ttl\":1.5}", "expected seconds");
}

static void
comma_lists_are_split_and_lists_are_not(void **state)
{
	const struct wide *in = bound("{\"list\":\" a ,b,, c\"}");

	(void)state;
	assert_int_equal(in->list.n, 4);
	assert_string_equal(in->list.items[0], "a");
	assert_string_equal(in->list.items[2], "");
	assert_string_equal(in->list.items[3], "c");
	in = bound("{\"list\":[\" a,b \",7]}");
	assert_int_equal(in->list.n, 2);
	assert_string_equal(in->list.items[0], "a,b");
	assert_string_equal(in->list.items[1], "7");
	assert_int_equal(bound("{\"list\":5}")->list.n, 1);
	assert_int_equal(bound("{\"list\":{}}")->list.n, 0);
	assert_int_equal(bound("{\"list\":[]}")->list.n, 0);
	assert_refused("{\"list\":[[1]]}", "expected a string");
	assert_refused("{\"list\":{\"a\":1}}", "expected a string");
}

static void
one_string_is_one_name(void **state)
{
	const struct wide *in = bound("{\"names\":\"a,b\"}");

	(void)state;
	assert_int_equal(in->names.n, 1);
	assert_string_equal(in->names.items[0], "a,b");
	assert_int_equal(bound("{\"names\":[\"a\",\"b\"]}")->names.n, 2);
}

static void
a_text_of_json_may_be_sent_as_an_object(void **state)
{
	(void)state;
	assert_string_equal(
		bound("{\"json\":\"{\\\"a\\\":1}\"}")->json, "{\"a\":1}");
	assert_string_equal(bound("{\"json\":{\"a\":\"\\n\",\"b\":[1]}}")->json,
		"{\"a\":\"\\n\",\"b\":[1]}");
	assert_string_equal(bound("{\"json\":{}}")->json, "{}");
	assert_string_equal(bound("{\"json\":7}")->json, "7");
	assert_refused("{\"json\":{\"a\":\"12345678901234567890\"}}",
		"longer than 20 bytes");
	assert_refused("{\"json\":[]}", "expected a string");
	assert_refused("{\"text\":{}}", "expected a string");
}

static void
maps_hold_scalars_as_text(void **state)
{
	const struct wide *in =
		bound("{\"map\":{\"a\":1,\"b\":true,\"c\":\"x\"}}");

	(void)state;
	assert_int_equal(in->map.n, 3);
	assert_string_equal(in->map.values[0], "1");
	assert_string_equal(in->map.values[1], "true");
	in = bound("{\"map\":[{\"a\":\"1\"},\"b=c=d\",{\"a\":\"2\"}]}");
	assert_int_equal(in->map.n, 2);
	assert_string_equal(in->map.values[0], "2");
	assert_string_equal(in->map.keys[1], "b");
	assert_string_equal(in->map.values[1], "c=d");
	assert_int_equal(bound("{\"map\":[]}")->map.n, 0);
	in = bound("{\"map\":\"a=b=c\"}");
	assert_int_equal(in->map.n, 1);
	assert_string_equal(in->map.values[0], "b=c");
	assert_refused("{\"map\":\"ab\"}", "invalid key pair \"ab\"");
	assert_refused("{\"map\":\"=b\"}", "invalid key pair \"=b\"");
	assert_refused("{\"map\":7}", "invalid key pair \"7\"");
	assert_refused("{\"map\":{\"a\":null}}", "expected a string");
	assert_refused("{\"map\":{\"a\":[1]}}", "expected a string");
	assert_refused("{\"map\":[\"ab\"]}", "invalid key pair \"ab\"");
}

static void
a_secret_never_stands_in_an_error(void **state)
{
	const struct wide *in = bound("{\"otp\":\"s3cret\"}");

	(void)state;
	assert_int_equal(in->otp.len, 6);
	assert_memory_equal(in->otp.data, "s3cret", 6);
	assert_refused("{\"otp\":\"s3cret-too-long\"}", "\"otp\"");
	assert_null(strstr(err.message, "s3cret"));
	assert_refused("{\"otp\":[\"s3cret\"]}", "\"otp\"");
	assert_null(strstr(err.message, "s3cret"));
}

static void
a_capture_beats_the_body(void **state)
{
	req.captures[0] = (struct req_pair){ "role", "web" };
	req.n_captures = 1;
	(void)state;
	assert_string_equal(bound("{\"role\":[\"bad\"]}")->role, "web");
	assert_int_not_equal(req.given, 0);
	bind_warn(&req);
	assert_string_equal(req.warnings->first->str,
		"Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [role]");
}

static void
unknown_members_are_warned_of_in_order(void **state)
{
	(void)state;
	bound("{\"z\":1,\"text\":\"t\",\"b\":2,\"old_text\":\"o\"}");
	bind_warn(&req);
	assert_int_equal(req.warnings->n, 1);
	assert_string_equal(req.warnings->first->str,
		"Endpoint ignored these unrecognized parameters: [b z]");
}

static void
what_is_missing_is_named_after_all_is_converted(void **state)
{
	(void)state;
	assert_int_equal(bind_body(&needy_op, "{\"b\":1}"), ERR_INPUT);
	assert_string_equal(err.message, "missing a");
	assert_int_equal(bind_body(&needy_op, "{\"b\":\"x\"}"), ERR_INPUT);
	assert_non_null(strstr(err.message, "\"b\""));
	assert_int_equal(bind_body(&needy_op, "{\"a\":\"\"}"), ERR_INPUT);
}

static void
bare_endpoints_coerce_nothing(void **state)
{
	(void)state;
	assert_int_equal(bind_body(&bare_op, "{\"number\":5}"), 0);
	assert_int_equal(bind_body(&bare_op, "{\"number\":\"5\"}"), ERR_INPUT);
	assert_string_equal(err.message,
		"failed to parse JSON input: json: cannot unmarshal string into field number of type int");
	assert_int_equal(bind_body(&bare_op, ""), ERR_INPUT);
	assert_string_equal(err.message, "EOF");
	assert_int_equal(bind_body(&bare_op, "{\"number\":"), ERR_INPUT);
	assert_memory_equal(err.message, "failed to parse JSON input: ", 28);
}

static void
bodies_that_are_no_object_are_refused(void **state)
{
	static const char *const bad[] = { "[1]", "\"a\"", "5", "{", "{} {}",
		"{\"a\":1,\"a\":2}" };
	static const char *const good[] = { "", " ", "null", "{}", " {} \n" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(bind_body(&wide_op, bad[i]), ERR_INPUT);
		assert_string_equal(err.message, "error parsing JSON");
	}
	for (i = 0; i < ARRAY_LEN(good); i++)
		bound(good[i]);
}

static void
forms_are_read_by_their_media_type(void **state)
{
	const struct wide *in = NULL;

	(void)state;
	req.body_is_form = true;
	in = bound("text=a+b%2Cc&list=x&list=y&number=7&");
	assert_string_equal(in->text, "a b,c");
	assert_int_equal(in->list.n, 2);
	assert_int_equal(in->number, 7);
	/* curl -d sends JSON under that type too. */
	assert_int_equal(bound(" {\"number\":8}")->number, 8);
	assert_refused("text=%zz", "error parsing form data");
	assert_refused("text=%0", "error parsing form data");
	assert_refused("text=%00", "error parsing form data");
	assert_refused("text=%ff", "error parsing form data");
}

static void
a_list_takes_a_page_and_nothing_else(void **state)
{
	static const struct req_pair query[] = { { "after", "b" },
		{ "limit", "10" }, { "list", "true" }, { "x", "y" } };
	const struct op_list_in *in = NULL;

	(void)state;
	req.query = query;
	req.n_query = ARRAY_LEN(query);
	assert_int_equal(bind_body(&list_op, "ignored"), 0);
	in = req.in;
	assert_string_equal(in->after, "b");
	assert_int_equal(in->limit, 10);
	assert_int_equal(req.data->n, 2);
}

static void
a_repeated_query_key_is_a_list(void **state)
{
	static const struct op op = { .path = "r",
		.verb = OP_READ,
		.in_size = sizeof(struct wide),
		.fields = wide_fields };
	static const struct req_pair query[] = { { "list", "a" },
		{ "names", "a" }, { "names", "b" }, { "names", "c" },
		{ "help", "" } };

	(void)state;
	req.query = query;
	req.n_query = ARRAY_LEN(query);
	assert_int_equal(bind_body(&op, ""), 0);
	assert_int_equal(((const struct wide *)req.in)->names.n, 3);
	assert_int_equal(req.data->n, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(absent_fields_have_their_defaults),
		CASE(null_and_empty_text_are_not_given),
		CASE(strings_take_numbers_and_booleans_as_text),
		CASE(an_old_name_counts_where_the_new_is_missing),
		CASE(text_has_a_bound),
		CASE(a_shown_value_is_short_and_printable),
		CASE(integers_are_whole),
		CASE(bounds_say_what_is_right),
		CASE(booleans_are_go_booleans),
		CASE(durations_are_seconds_or_go_text),
		CASE(comma_lists_are_split_and_lists_are_not),
		CASE(one_string_is_one_name),
		CASE(a_text_of_json_may_be_sent_as_an_object),
		CASE(maps_hold_scalars_as_text),
		CASE(a_secret_never_stands_in_an_error),
		CASE(a_capture_beats_the_body),
		CASE(unknown_members_are_warned_of_in_order),
		CASE(what_is_missing_is_named_after_all_is_converted),
		CASE(bare_endpoints_coerce_nothing),
		CASE(bodies_that_are_no_object_are_refused),
		CASE(forms_are_read_by_their_media_type),
		CASE(a_list_takes_a_page_and_nothing_else),
		CASE(a_repeated_query_key_is_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
