/*
 * Policy text from outside: whatever parses must decide any path without
 * touching what is not its own. The bytes behind a NUL are the path.
 */
#include <stdlib.h>
#include <string.h>

#include "server/core/policy.h"

static const unsigned wanted[] = { CAP_CREATE, CAP_READ, CAP_UPDATE, CAP_DELETE,
	CAP_LIST };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is allowed stands in the bits that sys/capabilities shows. */
static void
check_decision(
	const struct acl *acl, const struct acl_request *request, unsigned bits)
{
	struct acl_request with_sudo = *request;
	struct err err = { 0 };
	bool sudo = false;

	if (acl_check(acl, request, &sudo, &err) == 0 &&
		((bits & request->wants) == 0 ||
			sudo != ((bits & CAP_SUDO) != 0)))
		abort();
	with_sudo.wants_sudo = true;
	if (acl_check(acl, &with_sudo, &sudo, &err) == 0 &&
		(bits & CAP_SUDO) == 0)
		abort();
}

static bool
ends_in_slash(const char *path)
{
	const size_t len = strlen(path);

	return len > 0 && path[len - 1] == '/';
}

static void
decide(const struct policy *policy, const char *path, struct arena *arena)
{
	const struct policy *policies[] = { policy, policy };
	const struct acl acl = { .n = 2, .policies = policies };
	struct value *request_data = value_object(arena);
	const struct acl once = { .n = 1, .policies = policies };
	unsigned bits = acl_capabilities(&acl, path);

	/* A policy held twice says what it says once; a deny stands alone. */
	if (acl_capabilities(&once, path) != bits ||
		((bits & CAP_DENY) != 0 && bits != CAP_DENY) ||
		(bits & CAP_ROOT) != 0)
		abort();
	(void)value_set_str(arena, request_data, "ip", path);
	(void)value_set_bool(arena, request_data, "on", true);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		struct acl_request request = {
			.path = path,
			.wants = wanted[i],
			.checks_parameters = true,
			.data = request_data,
		};

		/* Only a list has a slash at its end. */
		if (wanted[i] == CAP_LIST || !ends_in_slash(path))
			check_decision(&acl, &request, bits);
	}
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
