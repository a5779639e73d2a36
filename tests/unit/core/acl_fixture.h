/* An acl straight from policy texts, without a store. */
#ifndef SALLYPORT_TESTS_UNIT_CORE_ACL_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_CORE_ACL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/json.h"
#include "server/core/policy.h"

#define ACL_TEXTS_MAX 8

struct acl_fixture {
	struct acl acl;
	struct policy *owned[ACL_TEXTS_MAX];
	const struct policy *policies[ACL_TEXTS_MAX];
	struct arena *arena;
};

/* texts end with NULL; each must parse. */
static inline void
acl_fixture_init(struct acl_fixture *fixture, const char *const *texts)
{
	struct err err = { 0 };
	size_t size, n = 0;

	*fixture = (struct acl_fixture){ 0 };
	fixture->arena = arena_new(1024 * 1024);
	for (; texts[n] != NULL; n++) {
		if (policy_parse(span_str(texts[n]), &fixture->owned[n], &size,
			    &err) != 0)
			fail_msg("%s", err.message);
		fixture->policies[n] = fixture->owned[n];
	}
	fixture->acl.policies = fixture->policies;
	fixture->acl.n = n;
}

static inline void
acl_fixture_clear(struct acl_fixture *fixture)
{
	size_t i;

	for (i = 0; i < fixture->acl.n; i++)
		policy_free(&fixture->owned[i]);
	arena_free(&fixture->arena);
}

/* Whether a request for wants on path with data (JSON or NULL) is allowed. */
static inline bool
acl_fixture_allows(struct acl_fixture *fixture, unsigned wants,
	const char *path, const char *data)
{
	struct value *value = NULL;
	struct acl_request request = {
		.path = path,
		.wants = wants,
		.checks_parameters =
			(wants & (CAP_READ | CAP_CREATE | CAP_UPDATE)) != 0,
	};
	struct err err = { 0 };
	bool sudo;
	int rc;

	if (data != NULL &&
		json_parse(span_str(data), &json_limits_trusted, fixture->arena,
			&value, &err) != 0)
		fail_msg("%s", err.detail);
	request.data = value;
	rc = acl_check(&fixture->acl, &request, &sudo, &err);
	if (rc != 0) {
		assert_int_equal(rc, ERR_DENIED);
		assert_int_equal(err.status, 403);
		assert_string_equal(err.message, "permission denied");
	}
	return rc == 0;
}

/* One text, one question. */
static inline bool
policy_allows(
	const char *text, unsigned wants, const char *path, const char *data)
{
	const char *texts[] = { text, NULL };
	struct acl_fixture fixture;
	bool allows;

	acl_fixture_init(&fixture, texts);
	allows = acl_fixture_allows(&fixture, wants, path, data);
	acl_fixture_clear(&fixture);
	return allows;
}

#endif
