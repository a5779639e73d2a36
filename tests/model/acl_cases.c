/*
 * Decides cases read from standard input, one JSON object a line, for
 * policy_diff: {"policies":[text…],"requests":[{"path":…,"op":…,"sudo":…,
 * "data":…,"wrap":…}…]} gives "allow caps" or "deny caps" for each request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "server/core/policy.h"

#define POLICIES_MAX 16
#define CASE_MEMORY_MAX (16 * 1024 * 1024)

static unsigned
capability(const char *name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = {
		{ "create", CAP_CREATE },
		{ "read", CAP_READ },
		{ "update", CAP_UPDATE },
		{ "delete", CAP_DELETE },
		{ "list", CAP_LIST },
	};

	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i].name, name) == 0)
			return names[i].bit;
	}
	return 0;
}

static void
print_answer(const struct acl *acl, const struct acl_request *request,
	struct arena *arena)
{
	const struct value *caps =
		capabilities_value(arena, acl_capabilities(acl, request->path));
	struct err err = { 0 };
	bool sudo;
	const char *before = "";

	fputs(acl_check(acl, request, &sudo, &err) == 0 ? "allow " : "deny ",
		stdout);
	VALUE_EACH (cap, caps) {
		printf("%s%s", before, cap->str);
		before = ",";
	}
	putchar('\n');
}

static int
parse_policies(
	const struct value *texts, struct policy **policies, struct err *err)
{
	size_t size, n = 0;
	int rc = 0;

	VALUE_EACH (text, texts) {
		if (rc == 0 && n < POLICIES_MAX)
			rc = policy_parse(
				value_text(text), &policies[n++], &size, err);
	}
	return rc;
}

static void
run_request(
	const struct acl *acl, const struct value *asked, struct arena *arena)
{
	struct acl_request request = { 0 };

	request.path = value_find_str(asked, "path", "");
	request.wants = capability(value_find_str(asked, "op", ""));
	request.wants_sudo = value_find_bool(asked, "sudo", false);
	request.checks_parameters =
		(request.wants & (CAP_CREATE | CAP_READ | CAP_UPDATE)) != 0;
	request.wrap_ttl_s = value_find_int(asked, "wrap", 0);
	request.data = value_find(asked, "data");
	if (request.data != NULL && request.data->type != VALUE_OBJECT)
		request.data = NULL;
	print_answer(acl, &request, arena);
}

static int
run_case(struct span line, struct arena *arena, struct err *err)
{
	struct policy *policies[POLICIES_MAX] = { NULL };
	const struct policy *seen[POLICIES_MAX];
	struct acl acl = { .policies = seen };
	struct value *root = NULL;
	size_t i;
	int rc = json_parse(line, &json_limits_trusted, arena, &root, err);

	if (rc == 0)
		rc = parse_policies(
			value_find(root, "policies"), policies, err);
	for (i = 0; i < POLICIES_MAX && policies[i] != NULL; i++)
		seen[acl.n++] = policies[i];
	if (rc == 0) {
		VALUE_EACH (asked, value_find(root, "requests"))
			run_request(&acl, asked, arena);
	}
	for (i = 0; i < POLICIES_MAX; i++)
		policy_free(&policies[i]);
	return rc;
}

int
main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int rc = 0;

	while (rc == 0 && (len = getline(&line, &cap, stdin)) > 0) {
		struct arena *arena = arena_new(CASE_MEMORY_MAX);
		struct err err = { 0 };

		rc = arena == NULL
			? ERR_MEMORY
			: run_case(span_of(line, (size_t)len - 1), arena, &err);
		if (rc != 0)
			fprintf(stderr, "%s %s\n", err.message, err.detail);
		arena_free(&arena);
	}
	free(line);
	return rc != 0;
}
