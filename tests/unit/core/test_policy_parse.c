/* Policy text: what is taken, and how each error reads. */
#include "server/core/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/acl_fixture.h"

static void
assert_refused(const char *text, const char *message)
{
	struct policy *policy = NULL;
	struct err err = { 0 };
	size_t size;

	assert_int_equal(
		policy_parse(span_str(text), &policy, &size, &err), ERR_INPUT);
	assert_null(policy);
	assert_int_equal(err.status, 400);
	assert_string_equal(err.message, message);
}

static void
errors_have_the_texts_of_the_peer(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "nonsense = 1",
			"failed to parse policy: invalid key "
			"\"nonsense\" on line 1" },
		{ "path \"a\" {\n\n  frob = 1\n}",
			"failed to parse policy: path \"a\": invalid key "
			"\"frob\" on line 3" },
		{ "path \"a\" { capabilities = [\"reed\"] }",
			"failed to parse policy: path \"a\": invalid "
			"capability \"reed\"" },
		{ "path \"a\" { policy = \"all\" }",
			"failed to parse policy: path \"a\": invalid policy "
			"\"all\"" },
		{ "path \"a/+*\" { policy = \"read\" }",
			"failed to parse policy: path \"a/+*\": invalid use "
			"of wildcards ('+*' is forbidden)" },
		{ "path \"a\" { min_wrapping_ttl = \"2h\" "
		  "max_wrapping_ttl = \"1h\" }",
			"failed to parse policy: path \"a\": max_wrapping_ttl "
			"cannot be less than min_wrapping_ttl" },
		{ "path \"a\" { min_wrapping_ttl = \"soon\" }",
			"failed to parse policy: path \"a\": error parsing "
			"min_wrapping_ttl: invalid duration" },
		{ "path \"a/{{b\" { }",
			"failed to parse policy: path \"a/{{b\": failed to "
			"validate policy templating: unbalanced templating "
			"characters" },
		{ "path \"a/}}b{{\" { }",
			"failed to parse policy: path \"a/}}b{{\": failed to "
			"validate policy templating: unbalanced templating "
			"characters" },
		{ "path \"a\" { capabilities = \"read\" }",
			"failed to parse policy: path \"a\": \"capabilities\" "
			"on line 1 must be a list of strings" },
		{ "path \"a\" { capabilities = [1] }",
			"failed to parse policy: path \"a\": \"capabilities\" "
			"on line 1 must be a list of strings" },
		{ "path \"a\" { allowed_parameters = { x = \"y\" } }",
			"failed to parse policy: path \"a\": "
			"\"allowed_parameters\" on line 1 must be a map of "
			"lists" },
		{ "path = 1",
			"failed to parse policy: \"path\" on line 1 "
			"must name a block" },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(cases[i].text, cases[i].message);
}

static void
broken_text_names_line_and_column(void **state)
{
	struct policy *policy = NULL;
	struct err err = { 0 };
	size_t size;

	(void)state;
	assert_int_equal(policy_parse(span_str("path \"a\" {\n  x = \n}"),
				 &policy, &size, &err),
		ERR_INPUT);
	assert_memory_equal(err.message, "failed to parse policy: At 3:",
		strlen("failed to parse policy: At 3:"));
}

static void
long_text_is_refused(void **state)
{
	char *text = malloc(POLICY_TEXT_MAX + 2);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', POLICY_TEXT_MAX + 1);
	text[POLICY_TEXT_MAX + 1] = '\0';
	assert_refused(text,
		"failed to parse policy: text is longer than 262144 bytes");
	free(text);
}

static void
ignored_keys_are_taken(void **state)
{
	(void)state;
	assert_true(policy_allows("name = \"x\"\n"
				  "path \"a\" {\n"
				  "  comment = \"why\"\n"
				  "  mfa_methods = [\"x\"]\n"
				  "  control_group = { }\n"
				  "  capabilities = [\"read\"]\n}",
		CAP_READ, "a", NULL));
}

static void
json_says_the_same_as_hcl(void **state)
{
	static const char *const texts[] = {
		"{\"path\":{\"a\":{\"capabilities\":[\"read\"]},"
		"\"b\":{\"policy\":\"deny\"}}}",
		"{\"path\":[{\"a\":{\"capabilities\":[\"read\"]}},"
		"{\"b\":{\"policy\":\"deny\"}}]}",
		"{\"path\":{\"a\":[{\"capabilities\":[\"read\"]}]}}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		assert_true(policy_allows(texts[i], CAP_READ, "a", NULL));
		assert_false(policy_allows(texts[i], CAP_READ, "b", NULL));
	}
}

static void
old_policies_become_capabilities(void **state)
{
	static const struct {
		const char *text;
		unsigned caps;
	} cases[] = {
		{ "path \"a\" { policy = \"read\" }", CAP_READ | CAP_LIST },
		{ "path \"a\" { policy = \"write\" }",
			CAP_CREATE | CAP_READ | CAP_UPDATE | CAP_DELETE |
				CAP_LIST },
		{ "path \"a\" { policy = \"sudo\" }",
			CAP_CREATE | CAP_READ | CAP_UPDATE | CAP_DELETE |
				CAP_LIST | CAP_SUDO },
		{ "path \"a\" { policy = \"deny\" capabilities = [\"read\"] }",
			CAP_DENY },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *texts[] = { cases[i].text, NULL };
		struct acl_fixture fixture;

		acl_fixture_init(&fixture, texts);
		assert_int_equal(
			acl_capabilities(&fixture.acl, "a"), cases[i].caps);
		acl_fixture_clear(&fixture);
	}
}

static void
blocks_with_a_template_are_left_out(void **state)
{
	static const char text[] =
		"path \"a/{{identity.entity.id}}\" { policy = \"read\" }\n"
		"path \"b\" { policy = \"read\" }";

	(void)state;
	assert_false(policy_allows(
		text, CAP_READ, "a/{{identity.entity.id}}", NULL));
	assert_true(policy_allows(text, CAP_READ, "b", NULL));
}

static void
default_policy_grants_what_the_spec_lists(void **state)
{
	static const struct {
		unsigned caps;
		const char *path;
	} cases[] = {
		{ CAP_UPDATE, "auth/token/renew-self" },
		{ CAP_UPDATE, "auth/token/revoke-self" },
		{ CAP_READ, "auth/token/lookup-self" },
		{ CAP_UPDATE, "sys/capabilities-self" },
		{ CAP_UPDATE, "sys/renew" },
		{ CAP_UPDATE, "sys/leases/renew" },
		{ CAP_UPDATE, "sys/leases/lookup" },
		{ CAP_UPDATE, "sys/wrapping/wrap" },
		{ CAP_UPDATE, "sys/wrapping/lookup" },
		{ CAP_UPDATE, "sys/wrapping/unwrap" },
		{ CAP_UPDATE, "sys/tools/hash" },
		{ CAP_UPDATE, "sys/tools/hash/sha2-256" },
		{ CAP_UPDATE, "sys/control-group/request" },
		{ CAP_READ, "sys/internal/ui/resultant-acl" },
		{ CAP_CREATE | CAP_READ | CAP_UPDATE | CAP_DELETE | CAP_LIST,
			"cubbyhole/x" },
		{ CAP_DENY, "sys/leases/revoke" },
		{ CAP_DENY, "ssh/creds/x" },
	};

	const char *texts[] = { policy_default_text, NULL };
	struct acl_fixture fixture;
	size_t i;

	(void)state;
	acl_fixture_init(&fixture, texts);
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(acl_capabilities(&fixture.acl, cases[i].path),
			cases[i].caps);
	acl_fixture_clear(&fixture);
}

static void
stored_records_compile(void **state)
{
	static const char record[] =
		"{\"policy\":\"path \\\"a\\\" { policy = \\\"read\\\" }\"}";
	void *object = NULL;
	struct err err = { 0 };
	size_t size = 0;

	(void)state;
	assert_int_equal(policy_type.compile(NULL, span_str("policies/x"),
				 span_str(record), &object, &size, &err),
		0);
	assert_true(size > 0);
	policy_type.free(object);
	assert_int_equal(
		policy_type.compile(NULL, span_str("policies/x"),
			span_str("{\"policy\":\"x\"}"), &object, &size, &err),
		ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_have_the_texts_of_the_peer),
		cmocka_unit_test(broken_text_names_line_and_column),
		cmocka_unit_test(long_text_is_refused),
		cmocka_unit_test(ignored_keys_are_taken),
		cmocka_unit_test(json_says_the_same_as_hcl),
		cmocka_unit_test(old_policies_become_capabilities),
		cmocka_unit_test(blocks_with_a_template_are_left_out),
		cmocka_unit_test(default_policy_grants_what_the_spec_lists),
		cmocka_unit_test(stored_records_compile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
