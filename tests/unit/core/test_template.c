/*
 * Templates: what each directive stands for, and that no value of whatever
 * bytes can widen what they are written into (reliability.md L05).
 */
#include "server/core/template.h"

#include <stdlib.h>
#include <string.h>

#include "server/core/policy_rules.h"
#include "tests/support/figures.h"
#include "tests/unit/core/identity_fixture.h"

#define VALUE_LEN 4 /* each of its bytes is tried with all values */

static struct identity_fixture fixture;

static int
setup(void **state)
{
	(void)state;
	identity_fixture_init(&fixture);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&fixture.arena);
	return 0;
}

static int
render(const char *text, const struct identity *identity, char out[256])
{
	struct err err = { 0 };
	struct span rendered;
	int rc = template_render(
		span_str(text), identity, fixture.arena, &rendered, &err);

	if (rc == 0) {
		assert_true(rendered.len < 256);
		memcpy(out, rendered.data, rendered.len);
		out[rendered.len] = '\0';
	} else {
		assert_int_equal(err.code, rc == ERR_ABSENT ? 0 : rc);
	}
	return rc;
}

static void
a_directive_stands_for_a_value(void **state)
{
	static const struct {
		const char *text, *rendered; /* NULL: has no value */
	} cases[] = {
		{ "a/b", "a/b" },
		{ "{{identity.entity.id}}", "e-1" },
		{ "a/{{identity.entity.name}}/b", "a/Bob/b" },
		{ "{{  identity.entity.name }}", "Bob" },
		{ "{{identity.entity.metadata.team}}-{{identity.entity.id}}",
			"red-e-1" },
		{ "{{identity.entity.metadata.a.b}}", "dotted" },
		{ "{{identity.entity.aliases.auth_a_1.id}}", "alias-1" },
		{ "{{identity.entity.aliases.auth_b_2.name}}", "rob" },
		{ "{{identity.entity.aliases.auth_a_1.metadata.sub}}", "s1" },
		{ "{{identity.groups.ids.g-1.name}}", "crew" },
		{ "{{identity.groups.ids.g-1.id}}", "g-1" },
		{ "{{identity.groups.names.crew.id}}", "g-1" },
		{ "{{identity.groups.names.crew.metadata.team}}", "red" },
		{ "{{identity.entity.metadata.none}}", NULL },
		{ "{{identity.entity.metadata.}}", NULL },
		{ "{{identity.entity.metadata}}", NULL },
		{ "{{identity.entity}}", NULL },
		{ "{{identity.entity.Name}}", NULL },
		{ "{{identity.entity.aliases.auth_b_2.metadata.sub}}", NULL },
		{ "{{identity.entity.aliases.bob}}", NULL },
		{ "{{identity.groups.names.other.id}}", NULL },
		{ "{{identity.groups.ids.crew.id}}", NULL },
		{ "{{identity.groups.crew.id}}", NULL },
		{ "{{name}}", NULL },
		{ "{{}}", NULL },
		{ "{{{identity.entity.id}}}", NULL },
		{ "{{identity.entity.id", NULL },
		{ "a/{{identity.entity.id}}/{{identity.entity.no}}", NULL },
	};

	char out[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int rc = render(cases[i].text, &fixture.identity, out);

		assert_int_equal(
			rc, cases[i].rendered == NULL ? ERR_ABSENT : 0);
		if (rc == 0)
			assert_string_equal(out, cases[i].rendered);
	}
}

static void
nobody_has_no_values(void **state)
{
	const struct identity none = { .entity = NULL };
	char out[256];

	(void)state;
	assert_int_equal(
		render("{{identity.entity.id}}", NULL, out), ERR_ABSENT);
	assert_int_equal(
		render("{{identity.entity.id}}", &none, out), ERR_ABSENT);
	assert_int_equal(render("plain", NULL, out), 0);
}

static bool
is_allowed(int byte)
{
	return byte != 0 &&
		strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-",
			byte) != NULL;
}

/* What a policy with one template lets its caller do. */
static bool
opens(const struct policy *policy, const char *path)
{
	const struct policy *rendered = NULL;
	struct acl acl = { .n = 1 };
	struct err err = { 0 };

	if (policy_render(&policy, 1, &fixture.identity, fixture.arena,
		    &rendered, &err) != 0 ||
		rendered == NULL)
		return false;
	acl.policies = &rendered;
	return acl_capabilities(&acl, path) != CAP_DENY;
}

static void
no_byte_of_a_value_widens_a_policy(void **state)
{
	static const char text[] =
		"path \"a/{{identity.entity.metadata.team}}/*\" { capabilities = [\"read\"] }";
	struct policy *policy = NULL;
	struct err err = { 0 };
	char value[VALUE_LEN + 1] = "abcd", out[256], path[64];
	uint64_t tries = 0, failures = 0;
	size_t size;

	(void)state;
	assert_int_equal(policy_parse(span_str(text), &policy, &size, &err), 0);
	fixture.values[0] = value;
	for (size_t at = 0; at < VALUE_LEN; at++) {
		for (int byte = 1; byte < 256; byte++, tries++) {
			int rc;

			memcpy(value, "abcd", VALUE_LEN);
			value[at] = (char)byte;
			rc = render("{{identity.entity.metadata.team}}",
				&fixture.identity, out);
			failures += rc != (is_allowed(byte) ? 0 : ERR_DENIED);
			failures += opens(policy, "a/else/b");
			failures += opens(policy, "b");
			(void)snprintf(path, sizeof(path), "a/%s/b", value);
			failures += opens(policy, path) != is_allowed(byte);
		}
	}
	/* The byte 0 ends a value: what is left is a whole one, or none. */
	value[0] = '\0';
	failures += render("{{identity.entity.metadata.team}}",
			    &fixture.identity, out) != ERR_DENIED;
	policy_free(&policy);
	figures_report("L05", tries, failures, "bytes of a value");
	assert_int_equal(failures, 0);
}

static void
a_bad_value_denies_the_whole_request(void **state)
{
	static const char *const texts[] = {
		"path \"a/{{identity.entity.metadata.team}}\" { capabilities = [\"deny\"] }",
		"path \"*\" { capabilities = [\"read\"] }\n"
		"path \"b/{{identity.entity.metadata.team}}\" { capabilities = [\"read\"] }",
	};

	(void)state;
	fixture.values[0] = "a/b";
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct policy *policy = NULL;
		const struct policy *all[1], *rendered = NULL;
		struct err err = { 0 };
		size_t size;

		assert_int_equal(
			policy_parse(span_str(texts[i]), &policy, &size, &err),
			0);
		all[0] = policy;
		assert_int_equal(policy_render(all, 1, &fixture.identity,
					 fixture.arena, &rendered, &err),
			ERR_DENIED);
		assert_int_equal(err.status, 403);
		assert_string_equal(err.message, "permission denied");
		policy_free(&policy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_directive_stands_for_a_value, setup, teardown),
		cmocka_unit_test_setup_teardown(
			nobody_has_no_values, setup, teardown),
		cmocka_unit_test_setup_teardown(
			no_byte_of_a_value_widens_a_policy, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_bad_value_denies_the_whole_request, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
