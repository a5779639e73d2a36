/*
 * Any bytes as requests to the whole service in memory: parser, path, route,
 * policies, binding and handlers. The first byte picks the caller. Each answer
 * is well formed and none is a failure of ours; the operation was one that
 * clients may ask for, and no token is left in the head that came.
 *
 * What would write files (audit devices, backups) is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "server/api/pipeline.h"
#include "server/auth/auth.h"
#include "server/core/seal.h"
#include "server/engines/cubbyhole/cubbyhole.h"
#include "server/engines/identity/identity.h"
#include "server/engines/ssh/ssh.h"
#include "server/http/parser.h"
#include "server/http/request.h"
#include "server/sys/sys.h"
#include "tests/support/api_call.h"

#define BODY_MAX 4096
#define REQUESTS_MAX 8  /* of one input */
#define INPUTS_MAX 1000 /* before the service is made anew */
#define NARROW "s.this-is-not-a-token-of-anybody"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct api_fixture *fixture;
static unsigned n_inputs;

/* A service with an ssh mount and a role, made again now and then. */
static void
renew_service(void)
{
	static const struct mount_type *const types[] = { &sys_mount_type,
		&token_mount_type, &userpass_mount_type, &approle_mount_type,
		&cert_mount_type, &jwt_mount_type, &kubernetes_mount_type,
		&sshkey_mount_type, &cubbyhole_mount_type, &identity_mount_type,
		&ssh_mount_type, NULL };
	struct api_reply reply;

	if (fixture != NULL && n_inputs++ < INPUTS_MAX &&
		!seal_is_sealed(fixture->server->seal))
		return;
	n_inputs = 0;
	api_fixture_free(&fixture);
	fixture = api_fixture_new(types);
	if (fixture == NULL || api_mount(fixture, "ssh", "ssh/") != 0)
		abort();
	api_call(fixture, OP_UPDATE, "ssh/roles/web",
		"{\"key_type\":\"otp\",\"default_user\":\"u\","
		"\"cidr_list\":\"10.0.0.0/8\"}",
		&reply);
	if (reply.status != 204)
		abort();
}

static bool
writes_files(const char *path)
{
	return strncmp(path, "sys/audit/", 10) == 0 ||
		strncmp(path, "sys/storage/", 12) == 0;
}

/* The caller: nobody, root, somebody unknown, or as the head says. */
static void
choose_token(struct req *req, uint8_t choice)
{
	const char *tokens[] = { "", fixture->root, NARROW };
	struct span copy;

	if (choice % 4 == 3)
		return;
	copy = arena_dup(req->arena, span_str(tokens[choice % 4]));
	req->token_text = secret_view_of(copy.data, copy.len);
}

static void
check_scrubbed(const struct http_parser *parser)
{
	if (http_parser_find(parser, "x-vault-token").len != 0 ||
		http_parser_find(parser, "authorization").len != 0)
		abort();
}

static void
check_answer(const struct req *req)
{
	const struct req_out *out = &req->out;
	struct arena *arena = arena_new(64 << 20);
	struct value *value = NULL;

	/* 503: sealed by a request of this input; 500: never. */
	if (out->status < 200 || out->status > 503 || out->status == 500 ||
		(unsigned)req->verb >= OP_VERB_COUNT ||
		(req->route == ROUTE_FOUND && req->op != NULL &&
			!req->is_help && req->op->verb != req->verb))
		abort();
	if (out->body.len > 0 && out->content_type == NULL &&
		json_parse(buf_span(&out->body), &json_limits_trusted, arena,
			&value, NULL) != 0)
		abort();
	arena_free(&arena);
}

/* One whole request. */
static void
serve(struct http_parser *parser, uint8_t choice)
{
	static const struct listener_settings settings;
	const struct endpoint endpoint = { .settings = &settings };
	struct req *req = req_new(fixture->server);
	const char *location = NULL;

	if (req == NULL)
		abort();
	req->body = http_parser_body(parser);
	if (parser->method != HTTP_OTHER &&
		request_fill(req, parser, &endpoint, &fixture->peer,
			&location) == HTTP_PATH_OK &&
		!writes_files(req->path)) {
		check_scrubbed(parser);
		choose_token(req, choice);
		api_submit(req);
		check_answer(req);
	}
	req_free(&req);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_parser parser;
	struct span in = span_of(data + 1, size - 1);

	if (size == 0)
		return 0;
	renew_service();
	http_parser_init(&parser);
	for (size_t i = 0; i < REQUESTS_MAX && in.len > 0; i++) {
		size_t used = 0;
		enum http_step step = http_parser_feed(&parser, in, &used);

		in = span_skip(in, used);
		if (step == HTTP_STEP_HEAD)
			step = http_parser_accept_body(&parser, BODY_MAX);
		if (step == HTTP_STEP_MORE && in.len > 0) {
			step = http_parser_feed(&parser, in, &used);
			in = span_skip(in, used);
		}
		if (step != HTTP_STEP_DONE)
			break;
		serve(&parser, data[0]);
		http_parser_reset(&parser);
	}
	http_parser_clear(&parser);
	return 0;
}
