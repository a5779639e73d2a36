/* The layouts of an answer: table, JSON, YAML, one field (spec/cli.md 2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/output.h"
#include "lib/json.h"

static struct cli cli;

static int
setup(void **state)
{
	(void)state;
	json_setup();
	cli = (struct cli){ .arena = arena_new(4 * 1024 * 1024) };
	cli.options.field = "";
	return cli.arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&cli.arena);
	return 0;
}

static struct value *
value_of(const char *json)
{
	struct value *value = NULL;

	assert_int_equal(json_parse(span_str(json), &json_limits_trusted,
				 cli.arena, &value, NULL),
		0);
	return value;
}

typedef int print_fn(struct cli *cli, const struct value *value);

/* What it prints on standard output, which is TAP otherwise. */
static const char *
printed(print_fn *print, const char *json, int want_code)
{
	FILE *file = tmpfile();
	char *text = arena_alloc(cli.arena, 8192, 1);
	const int saved = dup(STDOUT_FILENO);
	int code;
	size_t len;

	assert_non_null(file);
	(void)fflush(stdout);
	(void)dup2(fileno(file), STDOUT_FILENO);
	code = print(&cli, value_of(json));
	(void)fflush(stdout);
	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
	rewind(file);
	len = fread(text, 1, 8191, file);
	text[len] = '\0';
	(void)fclose(file);
	assert_int_equal(code, want_code);
	return text;
}

#define SECRET                                                                 \
	"{\"request_id\":\"r\",\"lease_id\":\"ssh/creds/web/7Qm2\","           \
	"\"lease_duration\":2764800,\"renewable\":false,\"data\":{"            \
	"\"port\":22,\"ip\":\"10.0.0.7\",\"key_type\":\"otp\"},"               \
	"\"warnings\":null,\"auth\":null,\"wrap_info\":null}"

static void
a_secret_is_a_table_with_its_lease_first(void **state)
{
	(void)state;
	assert_string_equal(printed(output_secret, SECRET, EXIT_DONE),
		"Key                Value\n"
		"---                -----\n"
		"lease_id           ssh/creds/web/7Qm2\n"
		"lease_duration     768h\n"
		"lease_renewable    false\n"
		"ip                 10.0.0.7\n"
		"key_type           otp\n"
		"port               22\n");
}

static void
a_token_is_a_table_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(
		printed(output_secret,
			"{\"lease_duration\":0,\"data\":null,\"auth\":{\"client_token\":\"t\",\"accessor\":\"\",\"policies\":[\"default\",\"web\"],\"token_policies\":[\"default\",\"web\"],\"metadata\":{\"k\":\"v\"},\"lease_duration\":0,\"renewable\":false}}",
			EXIT_DONE),
		"Key                  Value\n"
		"---                  -----\n"
		"token                t\n"
		"token_accessor       n/a\n"
		"token_duration       ∞\n"
		"token_renewable      false\n"
		"token_policies       [\"default\" \"web\"]\n"
		"identity_policies    []\n"
		"policies             [\"default\" \"web\"]\n"
		"token_meta_k         v\n");
}

#define WRAPPED                                                                \
	"{\"wrap_info\":{\"creation_path\":\"auth/token/create\","             \
	"\"token\":\"w\",\"ttl\":300,\"accessor\":\"a\"%s,"                    \
	"\"creation_time\":\"2026-11-21T09:06:14.839307629Z\"}}"
#define WRAPPED_ROWS                                                                 \
	"Key                              Value\n"                                   \
	"---                              -----\n"                                   \
	"wrapping_token:                  w\n"                                       \
	"wrapping_accessor:               a\n"                                       \
	"wrapping_token_ttl:              5m\n"                                      \
	"wrapping_token_creation_time:    2026-11-21 09:06:14.839307629 +0000 UTC\n" \
	"wrapping_token_creation_path:    auth/token/create\n"

static void
a_wrapped_answer_is_a_table_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(
		printed(output_secret, arena_printf(cli.arena, WRAPPED, ""), 0),
		WRAPPED_ROWS);
	assert_string_equal(printed(output_secret,
				    arena_printf(cli.arena, WRAPPED,
					    ",\"wrapped_accessor\":\"b\""),
				    0),
		WRAPPED_ROWS "wrapped_accessor:                b\n");
	cli.options.field = "wrapping_token";
	assert_string_equal(
		printed(output_secret, arena_printf(cli.arena, WRAPPED, ""), 0),
		"w");
}

static void
auth_and_wrapping_have_an_order_in_json(void **state)
{
	(void)state;
	cli.format = FORMAT_JSON;
	assert_non_null(strstr(
		printed(output_secret,
			"{\"auth\":{\"token_type\":\"service\",\"renewable\":true,\"accessor\":\"a\",\"client_token\":\"t\"}}",
			0),
		"\"auth\": {\n    \"client_token\": \"t\",\n    \"accessor\": \"a\",\n"
		"    \"policies\": null,\n    \"token_policies\": null,\n"
		"    \"identity_policies\": null,\n    \"metadata\": null,\n"
		"    \"orphan\": null,\n    \"entity_id\": null,\n"
		"    \"lease_duration\": null,\n    \"renewable\": true\n  }\n}\n"));
	assert_non_null(strstr(
		printed(output_secret, arena_printf(cli.arena, WRAPPED, ""), 0),
		"\"creation_path\": \"auth/token/create\",\n"
		"    \"wrapped_accessor\": \"\"\n  }\n}\n"));
}

static void
cells_print_as_go_does(void **state)
{
	static const char *const cases[][2] = {
		{ "null", "<nil>" },
		{ "true", "true" },
		{ "1.50", "1.50" },
		{ "[\"a\",[1,null]]", "[a [1 <nil>]]" },
		{ "{\"b\":1,\"a\":{\"c\":\"d e\"}}", "map[a:map[c:d e] b:1]" },
		{ "\"\"", "" },
	};

	static const struct {
		const char *key, *json, *cell;
	} keyed[] = {
		{ "ttl", "5400", "1h30m" },
		{ "max_ttl", "60", "1m" },
		{ "token_period", "0", "0s" },
		{ "duration", "\"5\"", "5" },
		{ "ttl_max", "3600", "1h" },
		{ "attl", "3600", "3600" },
		{ "port", "22", "22" },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(
			output_cell(&cli, value_of(cases[i][0])), cases[i][1]);
	for (i = 0; i < ARRAY_LEN(keyed); i++)
		assert_string_equal(output_cell_of(&cli, keyed[i].key,
					    value_of(keyed[i].json)),
			keyed[i].cell);
}

static void
lists_have_a_header_in_tables_alone(void **state)
{
	(void)state;
	assert_string_equal(printed(output_keys, "[\"a\",\"bcdefg\"]", 0),
		"Keys\n----\na\nbcdefg\n");
	cli.format = FORMAT_JSON;
	assert_string_equal(printed(output_keys, "[\"a\",\"b\"]", 0),
		"[\n  \"a\",\n  \"b\"\n]\n");
	cli.format = FORMAT_YAML;
	assert_string_equal(
		printed(output_keys, "[\"a\",\"b\"]", 0), "- a\n- b\n");
}

static void
json_keeps_the_envelope_in_order(void **state)
{
	(void)state;
	cli.format = FORMAT_JSON;
	assert_string_equal(
		printed(output_secret,
			"{\"warnings\":null,\"auth\":null,\"data\":{\"a\":1},\"renewable\":false,\"lease_id\":\"\",\"lease_duration\":0,\"request_id\":\"r\"}",
			EXIT_DONE),
		"{\n  \"request_id\": \"r\",\n  \"lease_id\": \"\",\n"
		"  \"lease_duration\": 0,\n  \"renewable\": false,\n"
		"  \"data\": {\n    \"a\": 1\n  },\n  \"warnings\": null\n}\n");
}

static void
one_field_is_bare(void **state)
{
	static const char *const cases[][2] = { { "ip", "10.0.0.7" },
		{ "port", "22" }, { "lease_id", "ssh/creds/web/7Qm2" },
		{ "lease_duration", "2764800" }, { "renewable", "false" },
		{ "request_id", "r" } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		cli.options.field = cases[i][0];
		assert_string_equal(
			printed(output_secret, SECRET, EXIT_DONE), cases[i][1]);
	}
	cli.format = FORMAT_JSON;
	cli.options.field = "ip";
	assert_string_equal(
		printed(output_secret, SECRET, EXIT_DONE), "\"10.0.0.7\"");
	cli.options.field = "none";
	assert_string_equal(printed(output_secret, SECRET, EXIT_USAGE), "");
}

static void
wide_characters_keep_columns_straight(void **state)
{
	struct table table = table_key_value(&cli);

	(void)state;
	TABLE_ADD(&table, "schlüssel", "ä");
	TABLE_ADD(&table, "k", "");
	assert_int_equal(table.n_columns, 2);
	assert_string_equal(printed(output_secret,
				    "{\"data\":{\"ü\":\"x\",\"ab\":\"y\"}}", 0),
		"Key    Value\n---    -----\nab     y\nü      x\n");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_secret_is_a_table_with_its_lease_first),
		TEST(a_token_is_a_table_of_its_own),
		TEST(a_wrapped_answer_is_a_table_of_its_own),
		TEST(auth_and_wrapping_have_an_order_in_json),
		TEST(cells_print_as_go_does),
		TEST(lists_have_a_header_in_tables_alone),
		TEST(json_keeps_the_envelope_in_order),
		TEST(one_field_is_bare),
		TEST(wide_characters_keep_columns_straight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
