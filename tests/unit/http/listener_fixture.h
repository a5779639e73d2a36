/*
 * Listeners over real sockets, with a pipeline that stands in for the real
 * one: what a path answers is in its name. A program that includes this links
 * these functions in place of the library's.
 */
#ifndef SALLYPORT_TESTS_UNIT_HTTP_LISTENER_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_HTTP_LISTENER_FIXTURE_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "server/api/pipeline.h"
#include "server/http/listener.h"

#define ANSWER_MAX 65536

static struct server server;
static struct server_settings settings;
static struct listener *listener;

/* A clock that tests push on; deadlines follow it. */
static _Atomic int64_t pushed_ns;

static inline int64_t
test_boot_ns(void *ctx)
{
	(void)ctx;
	return clock_boot_ns(clock_system()) + pushed_ns;
}

static inline int64_t
test_wall_ns(void *ctx)
{
	(void)ctx;
	return clock_wall_ns(clock_system());
}

static const struct clock test_clock = { test_wall_ns, test_boot_ns, NULL };

/* The stand-in pipeline. */

static pthread_mutex_t hold_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hold_changed = PTHREAD_COND_INITIALIZER;
static bool is_held;
static int n_made, n_in_work, n_freed;
static char saw[1024];

struct req *
req_new(struct server *for_server)
{
	struct req *req = calloc(1, sizeof(*req));

	if (req == NULL)
		return NULL;
	req->server = for_server;
	req->arena = arena_new(1 << 20);
	buf_init(&req->out.body, 1 << 24);
	(void)pthread_mutex_lock(&hold_lock);
	n_made++;
	(void)pthread_mutex_unlock(&hold_lock);
	return req;
}

void
req_free(struct req **req)
{
	if (*req == NULL)
		return;
	buf_clear(&(*req)->out.body);
	arena_free(&(*req)->arena);
	free(*req);
	*req = NULL;
	(void)pthread_mutex_lock(&hold_lock);
	n_freed++;
	(void)pthread_cond_broadcast(&hold_changed);
	(void)pthread_mutex_unlock(&hold_lock);
}

bool
pipeline_knows_token(struct server *for_server, struct secret_view text)
{
	(void)for_server;
	return text.len > 0;
}

size_t
pipeline_body_cap(struct server *for_server, const char *method,
	const char *path, bool is_known, size_t max_size)
{
	(void)for_server;
	(void)method;
	if (strcmp(path, "verify") == 0)
		return 4096;
	return is_known || max_size < 1 << 20 ? max_size : 1 << 20;
}

static inline void
answer(struct req *req)
{
	size_t n;

	(void)pthread_mutex_lock(&hold_lock);
	(void)snprintf(saw, sizeof(saw), "%s %s%s token=%.*s body=%.*s q=%s%s",
		req->method, req->path, req->path_ends_in_slash ? " list" : "",
		(int)req->token_text.len,
		req->token_text.len > 0 ? (const char *)req->token_text.data
					: "",
		(int)(req->body.len < 64 ? req->body.len : 64),
		req->body.len > 0 ? (const char *)req->body.data : "",
		req->n_query > 0 ? req->query[0].name : "-",
		req->peer.family == 0 ? " unix" : "");
	(void)pthread_mutex_unlock(&hold_lock);
	req->out.status = strcmp(req->path, "nothing") == 0 ? 204
		: strcmp(req->path, "busy") == 0            ? 503
							    : 200;
	if (req->out.status == 503)
		req->out.retry_after_s = 1;
	if (req->out.status != 204)
		(void)buf_addf(&req->out.body, "{\"path\":\"%s\"}", req->path);
	/* More than sockets hold, where nobody reads. */
	n = strcmp(req->path, "large") == 0      ? 100000
		: strcmp(req->path, "huge") == 0 ? 1500000
						 : 0;
	for (; n > 0; n--)
		(void)buf_add_str(&req->out.body, "0123456789");
	req->done(req);
}

static inline void *
work(void *ctx)
{
	struct req *req = ctx;

	(void)pthread_mutex_lock(&hold_lock);
	n_in_work++;
	(void)pthread_cond_broadcast(&hold_changed);
	while (is_held)
		(void)pthread_cond_wait(&hold_changed, &hold_lock);
	(void)pthread_mutex_unlock(&hold_lock);
	answer(req);
	return NULL;
}

void
pipeline_submit(struct req *req)
{
	pthread_t thread;

	if (strncmp(req->path, "work", 4) != 0)
		answer(req);
	else if (pthread_create(&thread, NULL, work, req) != 0)
		abort();
	else
		(void)pthread_detach(thread);
}

static inline void
hold(bool on)
{
	(void)pthread_mutex_lock(&hold_lock);
	is_held = on;
	(void)pthread_cond_broadcast(&hold_changed);
	(void)pthread_mutex_unlock(&hold_lock);
}

static inline void
wait_until(const int *counter, int wanted)
{
	(void)pthread_mutex_lock(&hold_lock);
	while (*counter < wanted)
		(void)pthread_cond_wait(&hold_changed, &hold_lock);
	(void)pthread_mutex_unlock(&hold_lock);
}

/* Clients. */

static inline int
dial(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)listener_port(listener, 0)),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static inline void
say(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Whether text holds n whole answers (none to HEAD). */
static inline bool
has_answers(const char *text, size_t n)
{
	for (; n > 0; n--) {
		const char *end = strstr(text, "\r\n\r\n");
		const char *length = strstr(text, "Content-Length: ");

		if (end == NULL)
			return false;
		text = end + 4;
		if (length == NULL || length > end)
			continue;
		if (strlen(text) < strtoul(length + 16, NULL, 10))
			return false;
		text += strtoul(length + 16, NULL, 10);
	}
	return true;
}

/* Read until n answers are there, or (n 0) until the server closes. */
static inline const char *
hear(int fd, size_t n)
{
	static char text[ANSWER_MAX];
	size_t len = 0;

	text[0] = '\0';
	while (n == 0 || !has_answers(text, n)) {
		ssize_t got = recv(fd, text + len, sizeof(text) - len - 1, 0);

		if (got <= 0) {
			/* An orderly end, not a reset, and only if awaited. */
			assert_int_equal(got, 0);
			assert_int_equal(n, 0);
			break;
		}
		len += (size_t)got;
		text[len] = '\0';
	}
	return text;
}

static inline void
assert_starts(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("wanted %s, got %s", start, text);
}

static inline void
assert_holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("wanted %s in %s", part, text);
}

static inline void
start(void)
{
	struct err err = { 0 };

	if (listener_start(&server, &listener, &err) != 0)
		fail_msg("%s", err.message);
}

static inline int
setup(void **state)
{
	(void)state;
	settings = (struct server_settings){
		.listeners = { { .type = "tcp",
			.address = "127.0.0.1:0",
			.tls_disable = true } },
		.n_listeners = 1,
		.io_threads = 2,
	};
	server = (struct server){
		.settings = &settings,
		.clock = &test_clock,
	};
	/* Nobody may be left at work on a request of the test before. */
	(void)pthread_mutex_lock(&hold_lock);
	while (n_freed < n_made)
		(void)pthread_cond_wait(&hold_changed, &hold_lock);
	n_made = n_in_work = n_freed = 0;
	is_held = false;
	(void)pthread_mutex_unlock(&hold_lock);
	pushed_ns = 0;
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	hold(false);
	listener_stop(&listener, 0);
	return 0;
}

#define HOST "Host: h\r\n"

/*
 * Push the clock by steps, saying a little at each, until the server speaks
 * or closes. False where it never does.
 */
static inline bool
push_clock_until_heard(int fd, int64_t step_s, const char *trickle)
{
	struct pollfd heard = { .fd = fd, .events = POLLIN };

	for (size_t i = 0; i < 400; i++) {
		pushed_ns += step_s * CLOCK_NS_PER_S;
		(void)send(fd, trickle, strlen(trickle), MSG_NOSIGNAL);
		if (poll(&heard, 1, 500) == 1)
			return true;
	}
	return false;
}

#endif
