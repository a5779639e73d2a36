/* The fixture of tests that go through the pipeline. */
#include "tests/support/api_call.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "server/api/pipeline.h"
#include "server/core/audit_devices.h"
#include "server/core/seal_init.h"
#include "server/core/seal_open.h"

#define ANSWERS_MAX (256 * 1024 * 1024)

static int64_t
wall_ns(void *ctx)
{
	const struct api_fixture *fixture = ctx;

	return clock_wall_ns(clock_system()) + fixture->clock_ahead_ns;
}

static int64_t
boot_ns(void *ctx)
{
	const struct api_fixture *fixture = ctx;

	return clock_boot_ns(clock_system()) + fixture->clock_ahead_ns;
}

static int
unseal(struct api_fixture *fixture, struct err *err)
{
	struct seal_init_result *made =
		ARENA_NEW(fixture->arena, struct seal_init_result);
	int rc;

	if (made == NULL)
		return err_set_memory(err);
	rc = seal_init(
		fixture->server->seal, 1, 1, "", fixture->arena, made, err);
	if (rc != 0)
		return rc;
	memcpy(fixture->root, made->root_token, sizeof(fixture->root));
	fixture->share_len = made->shares[0].len;
	memcpy(fixture->share, made->shares[0].bytes, fixture->share_len);
	return seal_unseal(fixture->server->seal,
		secret_view_of(fixture->share, fixture->share_len), err);
}

static int
start(struct api_fixture *fixture, const struct mount_type *const *types,
	struct err *err)
{
	struct store_settings settings = { .clock = &fixture->clock,
		.cache_bytes = 4 * 1024 * 1024 };
	struct store *store = NULL;
	int rc;

	json_setup();
	log_set_level(LOG_OFF); /* standard output is TAP */
	rc = server_settings_dev(
		"127.0.0.1:0", "", "", fixture->arena, fixture->settings, err);
	if (rc == 0)
		rc = store_open_memory(&settings, &store, err);
	if (rc == 0)
		rc = server_new(fixture->settings, &fixture->clock, store, NULL,
			types, &fixture->server, err);
	if (rc != 0) {
		store_close(&store);
		return rc;
	}
	return unseal(fixture, err);
}

struct api_fixture *
api_fixture_new(const struct mount_type *const *types)
{
	struct arena *arena = arena_new(ANSWERS_MAX);
	struct api_fixture *fixture = NULL;
	struct err err = { 0 };

	if (arena == NULL)
		return NULL;
	fixture = ARENA_NEW(arena, struct api_fixture);
	fixture->settings = ARENA_NEW(arena, struct server_settings);
	fixture->arena = arena;
	fixture->clock = (struct clock){ wall_ns, boot_ns, fixture };
	(void)netaddr_parse(span_str("192.0.2.7"), &fixture->peer);
	if (start(fixture, types, &err) == 0)
		return fixture;
	(void)fprintf(stderr, "# fixture: %s (%s)\n", err.message, err.detail);
	api_fixture_free(&fixture);
	return NULL;
}

static void
remove_audit_file(const struct api_fixture *fixture)
{
	char path[96];

	if (fixture->directory[0] == '\0')
		return;
	(void)snprintf(path, sizeof(path), "%s/audit.log", fixture->directory);
	(void)unlink(path);
	(void)rmdir(fixture->directory);
}

void
api_fixture_free(struct api_fixture **fixture)
{
	struct arena *arena = NULL;

	if (*fixture == NULL)
		return;
	arena = (*fixture)->arena;
	server_free(&(*fixture)->server);
	remove_audit_file(*fixture);
	*fixture = NULL;
	arena_free(&arena);
}

int
api_mount(struct api_fixture *fixture, const char *type, const char *path)
{
	struct mount_wanted wanted = { .path = path, .type = type };
	struct err err = { 0 };
	int rc = mounts_add(fixture->server->mounts, &wanted, &err);

	if (rc != 0)
		(void)fprintf(stderr, "# mount: %s\n", err.message);
	return rc;
}

const char *
api_audit_file(struct api_fixture *fixture)
{
	const char *scratch = getenv("TMPDIR");
	struct value *options = value_object(fixture->arena);
	struct err err = { 0 };
	const char *path = NULL;

	(void)snprintf(fixture->directory, sizeof(fixture->directory),
		"%.40s/sallyport-XXXXXX", scratch != NULL ? scratch : "/tmp");
	if (mkdtemp(fixture->directory) == NULL)
		return NULL;
	path = arena_printf(fixture->arena, "%s/audit.log", fixture->directory);
	if (path == NULL ||
		!value_set_str(fixture->arena, options, "file_path", path) ||
		!value_set_str(fixture->arena, options, "write_timeout", "10m"))
		return NULL;
	if (audit_devices_add(fixture->server, "file", "file", "", options,
		    false, true, &err) == 0)
		return path;
	(void)fprintf(stderr, "# audit: %s (%s)\n", err.message, err.detail);
	return NULL;
}

const char *
api_audit_text(struct api_fixture *fixture)
{
	char path[96], chunk[4096];
	struct buf text;
	struct span copy;
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/audit.log", fixture->directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	buf_init(&text, ANSWERS_MAX);
	while (fd >= 0 && (len = read(fd, chunk, sizeof(chunk))) > 0)
		(void)buf_add(&text, chunk, (size_t)len);
	if (fd >= 0)
		(void)close(fd);
	copy = arena_dup(fixture->arena, span_str(buf_str(&text)));
	buf_clear(&text);
	return copy.data != NULL ? (const char *)copy.data : "";
}

/* ---- one call -------------------------------------------------------- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool done;
};

static void
wake(struct req *req)
{
	struct waiter *waiter = req->done_ctx;

	pthread_mutex_lock(&waiter->lock);
	waiter->done = true;
	pthread_cond_signal(&waiter->woken);
	pthread_mutex_unlock(&waiter->lock);
}

void
api_submit(struct req *req)
{
	struct waiter waiter = { PTHREAD_MUTEX_INITIALIZER,
		PTHREAD_COND_INITIALIZER, false };

	req->done = wake;
	req->done_ctx = &waiter;
	pipeline_submit(req);
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.done)
		pthread_cond_wait(&waiter.woken, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
}

static const char *
text_or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static struct req *
make_req(struct api_fixture *fixture, const struct api_request *request)
{
	struct req *req = req_new(fixture->server);
	struct span token;
	size_t len = strlen(request->path);

	req->start_ns -= request->age_ns;
	req->method = request->method;
	req->path = arena_strdup(req->arena, request->path);
	req->path_ends_in_slash = len > 0 && request->path[len - 1] == '/';
	req->query = request->query;
	req->n_query = request->n_query;
	req->body =
		arena_dup(req->arena, span_str(text_or_empty(request->body)));
	req->body_is_form = request->is_form;
	token = arena_dup(req->arena, span_str(text_or_empty(request->token)));
	req->token_text = secret_view_of(token.data, token.len);
	req->wrap_ttl_text = text_or_empty(request->wrap_ttl);
	req->policy_override_text = text_or_empty(request->override);
	req->namespace_text = text_or_empty(request->name_space);
	req->if_none_match = text_or_empty(request->if_none_match);
	req->peer = fixture->peer;
	req->local_listener = true;
	return req;
}

static void
take_reply(struct api_fixture *fixture, const struct req *req,
	struct api_reply *reply)
{
	const struct req_out *out = &req->out;
	struct arena *arena = fixture->arena;

	*reply = (struct api_reply){ .status = out->status,
		.retry_after_s = out->retry_after_s };
	reply->body = (const char *)arena_dup(arena, buf_span(&out->body)).data;
	if (out->allow != NULL)
		reply->allow = arena_strdup(arena, out->allow);
	if (out->content_type != NULL)
		reply->content_type = arena_strdup(arena, out->content_type);
	if (out->etag != NULL)
		reply->etag = arena_strdup(arena, out->etag);
	if (out->body.len > 0 &&
		json_parse(buf_span(&out->body), &json_limits_trusted, arena,
			&reply->json, NULL) == 0)
		reply->data = value_find(reply->json, "data");
}

static bool
is_wiped(struct secret_view bytes)
{
	size_t i;

	for (i = 0; i < bytes.len; i++) {
		if (bytes.data[i] != 0)
			return false;
	}
	return true;
}

void
api_send(struct api_fixture *fixture, const struct api_request *request,
	struct api_reply *ret_reply)
{
	struct req *req = make_req(fixture, request);
	struct secret_view header = req->token_text;

	api_submit(req);
	take_reply(fixture, req, ret_reply);
	ret_reply->token_wiped = is_wiped(header);
	req_free(&req);
}

void
api_call(struct api_fixture *fixture, enum op_verb verb, const char *path,
	const char *body, struct api_reply *ret_reply)
{
	static const char *const methods[OP_VERB_COUNT] = { "GET", "LIST",
		"POST", "DELETE" };
	const struct api_request request = { .method = methods[verb],
		.path = path,
		.body = body,
		.token = fixture->root };

	api_send(fixture, &request, ret_reply);
}

const char *
api_error(const struct api_reply *reply)
{
	const struct value *errors = value_find(reply->json, "errors");

	if (errors == NULL || errors->first == NULL)
		return "";
	return errors->first->str;
}
