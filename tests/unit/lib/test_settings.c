/* Settings tables: types, bounds, defaults, unknown keys. */
#include "lib/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/in_arena.h"

struct sample {
	const char *path;
	int64_t port;
	bool tls_disable;
	int64_t timeout_s;
	struct setting_list addresses;
};

static const struct setting table[] = {
	SETTING_ROW_STR(struct sample, path, .max = 10, .initial = "/etc/x"),
	SETTING_ROW_INT(struct sample, port, .min = 1, .max = 65535),
	SETTING_ROW_BOOL(struct sample, tls_disable, .alias = "no_tls"),
	SETTING_ROW_DURATION(struct sample, timeout_s, .min = 1, .max = 3600,
		.initial = "30s"),
	SETTING_ROW_LIST(struct sample, addresses, .initial = "a, b"),
	SETTING_END,
};

static int
read_json(const char *text, setting_unknown_fn *unknown, void *ctx,
	struct sample *sample, struct err *err)
{
	struct value *value = NULL;

	assert_int_equal(json_parse(span_str(text), &json_limits_trusted, arena,
				 &value, err),
		0);
	return settings_read(table, value, arena, unknown, ctx, sample, err);
}

static void
defaults_come_first(void **state)
{
	struct sample sample;

	(void)state;
	assert_int_equal(read_json("{}", NULL, NULL, &sample, NULL), 0);
	assert_string_equal(sample.path, "/etc/x");
	assert_int_equal(sample.port, 0);
	assert_false(sample.tls_disable);
	assert_int_equal(sample.timeout_s, 30);
	assert_int_equal(sample.addresses.n, 2);
	assert_string_equal(sample.addresses.items[1], "b");
}

static void
every_type_is_read(void **state)
{
	struct sample sample;

	(void)state;
	assert_int_equal(
		read_json("{\"path\":\"/a\",\"port\":8200,\"no_tls\":true,"
			  "\"timeout_s\":\"5m\",\"addresses\":[\"x,y\"]}",
			NULL, NULL, &sample, NULL),
		0);
	assert_string_equal(sample.path, "/a");
	assert_int_equal(sample.port, 8200);
	assert_true(sample.tls_disable);
	assert_int_equal(sample.timeout_s, 300);
	assert_int_equal(sample.addresses.n, 1);
	assert_string_equal(sample.addresses.items[0], "x,y");
	assert_int_equal(
		read_json("{\"path\":5,\"port\":\"0x10\",\"tls_disable\":\"1\","
			  "\"timeout_s\":7,\"addresses\":\"x,y\"}",
			NULL, NULL, &sample, NULL),
		0);
	assert_string_equal(sample.path, "5");
	assert_int_equal(sample.port, 16);
	assert_true(sample.tls_disable);
	assert_int_equal(sample.timeout_s, 7);
	assert_int_equal(sample.addresses.n, 2);
}

static void
bad_values_name_the_key_and_what_is_right(void **state)
{
	static const char *const pairs[][2] = {
		{ "{\"port\":0}",
			"invalid value for \"port\": expected a whole number "
			"from 1 to 65535" },
		{ "{\"port\":\"x\"}",
			"invalid value for \"port\": expected a whole number "
			"from 1 to 65535" },
		{ "{\"port\":1.0}",
			"invalid value for \"port\": expected a whole number "
			"from 1 to 65535" },
		{ "{\"path\":\"12345678901\"}",
			"invalid value for \"path\": expected a text of at "
			"most 10 bytes" },
		{ "{\"path\":\"a\\u0000b\"}",
			"invalid value for \"path\": expected a text of at "
			"most 10 bytes" },
		{ "{\"path\":{}}",
			"invalid value for \"path\": expected a text of at "
			"most 10 bytes" },
		{ "{\"tls_disable\":\"yes\"}",
			"invalid value for \"tls_disable\": expected true or "
			"false" },
		{ "{\"timeout_s\":\"2h\"}",
			"invalid value for \"timeout_s\": expected a duration "
			"such as 90s, 15m or 768h, from 1s to 3600s" },
		{ "{\"addresses\":[1]}",
			"invalid value for \"addresses\": expected a list of "
			"texts, or one text with commas" },
	};
	struct sample sample;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(pairs); i++) {
		struct err err = { 0 };

		assert_int_equal(
			read_json(pairs[i][0], NULL, NULL, &sample, &err),
			ERR_INPUT);
		assert_string_equal(err.message, pairs[i][1]);
	}
}

static void
unknown_keys_are_errors_with_a_suggestion(void **state)
{
	struct sample sample;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(read_json("{\"prot\":1}", NULL, NULL, &sample, &err),
		ERR_INPUT);
	assert_non_null(strstr(err.message, "invalid key \"prot\""));
	assert_non_null(strstr(err.message, "did you mean \"port\"?"));
}

static int
note_unknown(void *ctx, const struct value *member, const char *nearest,
	struct err *err)
{
	char *noted = ctx;

	(void)err;
	strncat(noted, member->key, 20);
	strncat(noted, nearest == NULL ? "(none) " : "(near) ", 20);
	return 0;
}

static void
a_hook_decides_about_unknown_keys(void **state)
{
	struct sample sample;
	char noted[100] = "";

	(void)state;
	assert_int_equal(read_json("{\"adresses\":1,\"ui\":true,\"port\":9}",
				 note_unknown, noted, &sample, NULL),
		0);
	assert_string_equal(noted, "adresses(near) ui(none) ");
	assert_int_equal(sample.port, 9);
}

static void
nearest_knows_its_bounds(void **state)
{
	(void)state;
	assert_string_equal(
		settings_nearest(table, "tls_disbale"), "tls_disable");
	assert_string_equal(settings_nearest(table, "Timeout"), "timeout_s");
	assert_null(settings_nearest(table, "tls_dis"));
	assert_null(settings_nearest(table, "p"));
	assert_null(settings_nearest(table, ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_come_first),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(bad_values_name_the_key_and_what_is_right),
		cmocka_unit_test(unknown_keys_are_errors_with_a_suggestion),
		cmocka_unit_test(a_hook_decides_about_unknown_keys),
		cmocka_unit_test(nearest_knows_its_bounds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
