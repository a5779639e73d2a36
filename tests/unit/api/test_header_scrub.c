/*
 * The token is gone from a request right after its caller is known, whatever
 * becomes of the request (reliability.md L23): from the head's bytes, and from
 * the request itself.
 */
#include "server/http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/auth/auth.h"
#include "server/engines/identity/identity.h"
#include "server/engines/ssh/ssh.h"
#include "server/sys/sys.h"
#include "tests/support/api_call.h"
#include "tests/support/figures.h"

#define TOKEN "s.6Vq2MarkedToken9f1c"

/* Fields that carry tokens, in spellings that clients use. */
static const char *const spellings[] = {
	"X-Vault-Token: " TOKEN "\r\n",
	"x-vault-token:" TOKEN "\r\n",
	"X-VAULT-TOKEN: \t" TOKEN " \t\r\n",
	"Authorization: Bearer " TOKEN "\r\n",
	"authorization: Bearer   " TOKEN "\r\n",
	"AUTHORIZATION: Bearer " TOKEN "\r\n",
	"X-Vault-Token: " TOKEN "\r\nAuthorization: Bearer " TOKEN "2\r\n",
	"Authorization: Bearer " TOKEN "2\r\nX-Vault-Token: " TOKEN "\r\n",
};

/* Fields that are no token, but may hold one: a header is erased whole. */
static const char *const others[] = {
	"Authorization: Basic " TOKEN "\r\n",
	"Authorization: bearer " TOKEN "\r\n",
	"Authorization: " TOKEN "\r\n",
	"X-Vault-Token:\r\nAuthorization: Digest " TOKEN "\r\n",
};

static const char *const targets[] = { "/v1/sys/health", "/v1/ssh/creds/web",
	"/v1/a//b", "/v1/a/../b", "/v1/%00", "/outside" };

static void
parse(struct http_parser *parser, const char *target, const char *fields)
{
	char text[1024];
	size_t used = 0;

	(void)snprintf(text, sizeof(text),
		"GET %s HTTP/1.1\r\nHost: h\r\n%sAccept: */*\r\n\r\n", target,
		fields);
	http_parser_init(parser);
	assert_int_equal(http_parser_feed(parser, span_str(text), &used),
		HTTP_STEP_HEAD);
}

/* Taken as the request's token, and nowhere left in the head. */
static bool
is_scrubbed(const char *target, const char *fields, const char *token)
{
	static const struct listener_settings settings;
	const struct endpoint endpoint = { .settings = &settings };
	const struct netaddr peer = { .family = 4 };
	struct req req = { .arena = arena_new(1 << 20) };
	struct http_parser parser;
	const char *location = NULL;
	bool good;

	parse(&parser, target, fields);
	(void)request_fill(&req, &parser, &endpoint, &peer, &location);
	good = memmem(parser.head.data, parser.head.cap, TOKEN,
		       strlen(TOKEN)) == NULL &&
		req.token_text.len == strlen(token) &&
		(token[0] == '\0' ||
			memcmp(req.token_text.data, token, strlen(token)) ==
				0) &&
		http_parser_find(&parser, "x-vault-token").len == 0 &&
		http_parser_find(&parser, "authorization").len == 0 &&
		http_parser_find(&parser, "accept").len == 3;
	if (!good)
		print_message("# %s with %s", target, fields);
	arena_free(&req.arena);
	http_parser_clear(&parser);
	return good;
}

static void
no_head_keeps_a_token(void **state UNUSED)
{
	size_t n = 0, failures = 0;

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		for (size_t k = 0; k < ARRAY_LEN(spellings); k++, n++)
			failures +=
				!is_scrubbed(targets[i], spellings[k], TOKEN);
		for (size_t k = 0; k < ARRAY_LEN(others); k++, n++)
			failures += !is_scrubbed(targets[i], others[k], "");
	}
	figures_report("L23", n, failures, "heads");
	assert_int_equal(failures, 0);
}

/* Requests that end at each station of the pipeline. */
static const struct api_request requests[] = {
	{ .method = "GET", .path = "sys/health" },
	{ .method = "GET", .path = "sys/seal-status" },
	{ .method = "GET", .path = "auth/token/lookup-self" },
	{ .method = "LIST", .path = "ssh/roles/" },
	{ .method = "GET", .path = "ssh/roles/absent" },
	{ .method = "GET", .path = "nowhere/at/all" },
	{ .method = "DELETE", .path = "sys/health" },
	{ .method = "POST", .path = "ssh/creds/absent", .body = "{}" },
	{ .method = "POST", .path = "ssh/creds/absent", .body = "{\"ip\":" },
	{ .method = "POST", .path = "ssh/roles/x", .body = "[1]" },
	{ .method = "POST", .path = "ssh/verify", .body = "{\"otp\":\"x\"}" },
	{ .method = "GET", .path = "ssh/roles/x", .name_space = "other" },
	{ .method = "GET", .path = "ssh/roles/x", .wrap_ttl = "nonsense" },
	{ .method = "GET", .path = "ssh/roles/x", .override = "nonsense" },
	{ .method = "HELP", .path = "ssh/roles/x" },
	{ .method = "OPTIONS", .path = "ssh/roles/x" },
	{ .method = "POST",
		.path = "ssh/roles/x",
		.body = "{}",
		.age_ns = INT64_C(3600000000000) },
	{ .method = "POST", .path = "sys/seal" },
	{ .method = "GET", .path = "ssh/roles/sealed" },
	{ .method = "GET", .path = "sys/health" },
};

static size_t
send_all(const char *const *tokens, size_t n_tokens, size_t *failures)
{
	static const struct mount_type *const types[] = { &sys_mount_type,
		&token_mount_type, &identity_mount_type, &ssh_mount_type,
		NULL };
	struct api_fixture *fixture = api_fixture_new(types);
	size_t n = 0;

	assert_non_null(fixture);
	assert_int_equal(api_mount(fixture, "ssh", "ssh/"), 0);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		for (size_t k = 0; k < n_tokens; k++, n++) {
			struct api_request request = requests[i];
			struct api_reply reply;

			request.token = tokens[k][0] != '\0' ? tokens[k]
							     : fixture->root;
			api_send(fixture, &request, &reply);
			if (reply.token_wiped)
				continue;
			print_message("# %s %s kept its token\n",
				request.method, request.path);
			*failures += 1;
		}
	}
	api_fixture_free(&fixture);
	return n;
}

static void
no_request_keeps_its_token(void **state UNUSED)
{
	static char longest[4097];
	const char *const tokens[] = { TOKEN, "x", longest, "" };
	size_t n, failures = 0;

	memset(longest, 't', sizeof(longest) - 1);
	n = send_all(tokens, ARRAY_LEN(tokens), &failures);
	figures_report("L23", n, failures, "requests");
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_head_keeps_a_token),
		cmocka_unit_test(no_request_keeps_its_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
