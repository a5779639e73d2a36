/* Somebody to render templates for, without a store. */
#ifndef SALLYPORT_TESTS_UNIT_CORE_IDENTITY_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_CORE_IDENTITY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/core/identity.h"

#define FIXTURE_ALIASES 3

/* An entity with aliases in three mounts, in one group of its own. */
struct identity_fixture {
	const char *keys[2], *values[2], *alias_keys[1], *alias_values[1];
	struct alias aliases[FIXTURE_ALIASES];
	struct entity entity;
	struct group group;
	const struct group *groups[1];
	struct identity identity;
	struct arena *arena;
};

static inline void
identity_fixture_init(struct identity_fixture *fixture)
{
	*fixture = (struct identity_fixture){
		.keys = { "team", "a.b" },
		.values = { "red", "dotted" },
		.alias_keys = { "sub" },
		.alias_values = { "s1" },
		.aliases = {
			{ .id = "alias-1", .name = "bob", .accessor = "auth_a_1" },
			{ .id = "alias-2", .name = "rob", .accessor = "auth_b_2" },
			{ .id = "alias-3", .name = "x", .accessor = "auth_c_3" },
		},
		.entity = { .id = "e-1", .name = "Bob" },
		.group = { .id = "g-1", .name = "crew" },
		.arena = arena_new(16 * 1024 * 1024),
	};
	assert_non_null(fixture->arena);
	fixture->entity.metadata =
		(struct str_map){ fixture->keys, fixture->values, 2 };
	fixture->group.metadata = fixture->entity.metadata;
	fixture->aliases[0].metadata = (struct str_map){ fixture->alias_keys,
		fixture->alias_values, 1 };
	fixture->entity.aliases = fixture->aliases;
	fixture->entity.n_aliases = FIXTURE_ALIASES;
	fixture->groups[0] = &fixture->group;
	fixture->identity = (struct identity){ .entity = &fixture->entity,
		.groups = fixture->groups,
		.n_groups = 1,
		.n_direct = 1 };
}

#endif
