/* JSON as YAML: blocks, sorted keys, and quotes wherever in doubt. */
#include "client/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/json.h"

static void
assert_yaml(const char *json, const char *yaml)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct value *value = NULL;
	struct err err = { 0 };
	struct buf out;

	buf_init(&out, 65536);
	assert_int_equal(json_parse(span_str(json), &json_limits_trusted, arena,
				 &value, &err),
		0);
	yaml_write(&out, value);
	assert_string_equal(buf_str(&out), yaml);
	buf_clear(&out);
	arena_free(&arena);
}

static void
values_print_as_blocks(void **state)
{
	(void)state;
	assert_yaml("{\"b\": 1, \"a\": [\"x\", {\"z\": null}], \"c\": {}}",
		"a:\n  - x\n  -\n    z: null\nb: 1\nc: {}\n");
	assert_yaml("[]", "[]\n");
	assert_yaml("[\"a\", 2]", "- a\n- 2\n");
	assert_yaml("\"plain\"", "plain\n");
}

static void
doubtful_texts_are_quoted(void **state)
{
	static const char *const words[] = { "", "true", "No", "null", "~", "1",
		"1.5", "-x", "a: b", "a #b", "10.0.0.7", "a\\nb", "@x", "%x",
		"'x'", "[x]", "y" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		char json[64], yaml[64];

		(void)snprintf(json, sizeof(json), "\"%s\"", words[i]);
		(void)snprintf(yaml, sizeof(yaml), "\"%s\"\n", words[i]);
		assert_yaml(json, yaml);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_print_as_blocks),
		cmocka_unit_test(doubtful_texts_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
