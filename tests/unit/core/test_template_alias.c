/*
 * An alias is found by the exact accessor of its mount, in whatever order the
 * entity has them; where two could be meant, the request is denied
 * (reliability.md L06).
 */
#include <stdlib.h>
#include <string.h>

#include "server/core/template.h"
#include "tests/support/figures.h"
#include "tests/unit/core/identity_fixture.h"

/* Accessors near the one asked for: none of them may stand in for it. */
static const char *const near[] = { "auth_a_1", "auth_a_", "auth_a_11",
	"auth_A_1", "auth_a_1 ", " auth_a_1", "", "auth_a", "auth_b_2",
	"auth_a_1.name", "a_1", "auth_a_2" };

/* The name that the alias in this mount has; NULL: denied or none. */
static const char *
name_in(struct identity_fixture *fixture, int *ret_rc)
{
	static const char text[] = "{{identity.entity.aliases.auth_a_1.name}}";
	struct err err = { 0 };
	struct span out = SPAN_NONE;

	*ret_rc = template_render(
		span_str(text), &fixture->identity, fixture->arena, &out, &err);
	return *ret_rc == 0 ? (const char *)out.data : NULL;
}

/* How many of three aliases stand in the mount that is asked for. */
static size_t
set_aliases(struct identity_fixture *fixture, const size_t at[3])
{
	static const char *const names[] = { "first", "second", "third" };
	size_t n = 0;

	for (size_t i = 0; i < FIXTURE_ALIASES; i++) {
		fixture->aliases[i].name = names[i];
		fixture->aliases[i].accessor = near[at[i]];
		n += at[i] == 0;
	}
	return n;
}

static const char *
expected(const struct identity_fixture *fixture)
{
	for (size_t i = 0; i < FIXTURE_ALIASES; i++) {
		if (strcmp(fixture->aliases[i].accessor, near[0]) == 0)
			return fixture->aliases[i].name;
	}
	return NULL;
}

/* Every choice of three accessors in every order. */
static void
an_alias_is_found_by_its_exact_mount_or_not_at_all(void **state)
{
	struct identity_fixture fixture;
	uint64_t tries = 0, failures = 0;
	size_t at[3];

	(void)state;
	identity_fixture_init(&fixture);
	for (at[0] = 0; at[0] < ARRAY_LEN(near); at[0]++) {
		for (at[1] = 0; at[1] < ARRAY_LEN(near); at[1]++) {
			for (at[2] = 0; at[2] < ARRAY_LEN(near); at[2]++) {
				size_t n = set_aliases(&fixture, at);
				const char *name;
				int rc;

				tries++;
				name = name_in(&fixture, &rc);
				if (n == 1)
					failures += name == NULL ||
						strcmp(name,
							expected(&fixture)) !=
							0;
				else
					failures += rc !=
						(n == 0 ? ERR_ABSENT
							: ERR_DENIED);
			}
		}
	}
	arena_free(&fixture.arena);
	figures_report("L06", tries, failures, "orders of three aliases");
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_alias_is_found_by_its_exact_mount_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
