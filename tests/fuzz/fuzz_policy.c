/*
 * Policy text from outside: whatever parses must decide any path without
 * touching what is not its own. The bytes behind a NUL are the path.
 */
#include <stdlib.h>
#include <string.h>

#include "server/core/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decide(const struct policy *policy, const char *path, struct arena *arena)
{
	const struct policy *policies[] = { policy, policy };
	const struct acl acl = { .n = 2, .policies = policies };
	struct value *request_data = value_object(arena);
	struct acl_request request = {
		.path = path,
		.wants = CAP_LIST,
		.checks_parameters = true,
		.data = request_data,
	};
	struct err err = { 0 };
	bool sudo;

	(void)value_set_str(arena, request_data, "ip", path);
	(void)value_set_bool(arena, request_data, "on", true);
	if (acl_check(&acl, &request, &sudo, &err) == 0 &&
		(acl_capabilities(&acl, path) & CAP_LIST) == 0)
		abort();
	(void)acl_has_any_below(&acl, path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size == 0 ? NULL : memchr(data, '\0', size);
	size_t len = nul == NULL ? size : (size_t)(nul - data);
	struct arena *arena = arena_new(1024 * 1024);
	struct policy *policy = NULL;
	struct err err = { 0 };
	size_t policy_size;

	if (policy_parse(span_of(data, len), &policy, &policy_size, &err) ==
		0) {
		char *path = nul == NULL
			? arena_strdup(arena, "ssh/creds/web")
			: arena_strndup(arena, nul + 1, size - len - 1);

		if (path != NULL)
			decide(policy, path, arena);
	}
	policy_free(&policy);
	arena_free(&arena);
	return 0;
}
