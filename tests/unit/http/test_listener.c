/* Listeners, I/O threads and connections over real sockets. */
#include "server/http/listener.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <openssl/ssl.h>

#include "tests/support/testcert.h"
#include "tests/unit/http/listener_fixture.h"

static char dir[64];

static void
connection_serves_requests_one_after_another(void **state)
{
	int fd;
	(void)state;

	start();
	fd = dial();
	say(fd,
		"GET /v1/one?a=b HTTP/1.1\r\n" HOST
		"X-Vault-Token: s.abc\r\n\r\n");
	assert_starts(hear(fd, 1), "HTTP/1.1 200 OK\r\n");
	assert_string_equal(saw, "GET one token=s.abc body= q=a");
	say(fd,
		"LIST /v1/two/ HTTP/1.1\r\n" HOST
		"Authorization: Bearer  s.def \r\n\r\n");
	assert_holds(hear(fd, 1), "\r\n\r\n{\"path\":\"two/\"}\n");
	assert_string_equal(saw, "LIST two/ list token=s.def body= q=-");
	say(fd,
		"POST /v1/work HTTP/1.1\r\n" HOST
		"Content-Length: 4\r\n\r\nbo");
	say(fd, "dy");
	assert_holds(hear(fd, 1), "{\"path\":\"work\"}\n");
	assert_string_equal(saw, "POST work token= body=body q=-");
	(void)close(fd);
}

static void
answers_have_the_fields_of_the_api(void **state)
{
	const char *text;
	int fd;
	(void)state;

	start();
	fd = dial();
	say(fd, "GET /v1/x HTTP/1.1\r\n" HOST "\r\n");
	text = hear(fd, 1);
	assert_holds(text, "\r\nCache-Control: no-store\r\n");
	assert_holds(text, "\r\nContent-Type: application/json\r\n");
	assert_holds(text, "\r\nContent-Length: 13\r\n");
	assert_holds(text, "\r\nDate: ");
	assert_null(strstr(text, "Connection:"));
	say(fd, "GET /v1/nothing HTTP/1.1\r\n" HOST "\r\n");
	text = hear(fd, 1);
	assert_starts(text, "HTTP/1.1 204 No Content\r\n");
	assert_null(strstr(text, "Content-Length"));
	say(fd, "HEAD /v1/x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	text = hear(fd, 0);
	assert_holds(text, "Content-Length: 13\r\n");
	assert_null(strstr(text, "path"));
	(void)close(fd);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	const char *text, *a, *b, *c;
	int fd;
	(void)state;

	start();
	fd = dial();
	say(fd,
		"GET /v1/work1 HTTP/1.1\r\n" HOST "\r\n"
		"POST /v1/b HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
		"GET /v1/work3 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	text = hear(fd, 0);
	a = strstr(text, "work1");
	b = strstr(text, "\"b\"");
	c = strstr(text, "work3");
	assert_true(a != NULL && b > a && c > b);
	assert_holds(b, "Connection: close");
	(void)close(fd);
}

static void
hundreds_of_small_requests_fit_one_read(void **state)
{
	static const char one[] = "GET /v1/x HTTP/1.1\r\n" HOST "\r\n";
	char many[400 * sizeof(one)] = "";
	int fd;
	(void)state;

	for (size_t i = 0; i < 400; i++)
		memcpy(many + i * (sizeof(one) - 1), one, sizeof(one));
	start();
	fd = dial();
	say(fd, many);
	(void)shutdown(fd, SHUT_WR);
	/* 400 answers are more than the text holds; the last one counts. */
	for (size_t n = 0; n < 400;) {
		char part[8192];
		ssize_t got = recv(fd, part, sizeof(part) - 1, 0);

		assert_true(got > 0);
		part[got] = '\0';
		for (const char *at = part;
			(at = strstr(at, "{\"path\"")) != NULL; at++)
			n++;
	}
	(void)close(fd);
}

struct refusal {
	const char *request;
	const char *answer;
	const char *part;
};

static const struct refusal closing[] = {
	{ "GET /v1/x HTTP/1.1\n\n", "HTTP/1.1 400 ",
		"{\"errors\":[\"malformed request\"]}\n" },
	{ "GET /v1/x HTTP/2.0\r\n\r\n", "HTTP/1.1 505 ",
		"unsupported protocol" },
	{ "POST /v1/x HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n",
		"HTTP/1.1 413 ", "error parsing JSON" },
	{ "POST /v1/verify HTTP/1.1\r\n" HOST "Content-Length: 4097\r\n\r\n",
		"HTTP/1.1 413 ", "error parsing JSON" },
	{ "POST /v1/x HTTP/1.1\r\n" HOST "X-Vault-Token: t\r\n"
	  "Content-Length: 33554433\r\n\r\n",
		"HTTP/1.1 413 ", "error parsing JSON" },
	{ "POST /v1/x HTTP/1.1\r\n" HOST "Expect: x\r\n\r\n", "HTTP/1.1 417 ",
		"unsupported protocol" },
	{ "GET /v1/x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "path" },
	{ "GET /v1/busy HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 503 ",
		"Retry-After: 1\r\n" },
};

static void
refusals_that_close_are_answered_first(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_LEN(closing); i++) {
		int fd = dial();
		const char *text;

		say(fd, closing[i].request);
		text = hear(fd, 0);
		assert_starts(text, closing[i].answer);
		assert_holds(text, closing[i].part);
		assert_holds(text, "\r\nConnection: close\r\n");
		(void)close(fd);
	}
}

static const struct refusal keeping[] = {
	{ "GET /v1/a%00 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 400 Bad Request",
		"Content-Length: 0\r\n\r\n" },
	{ "GET /v1/../a HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 400 ",
		"{\"errors\":[\"path cannot contain parent references\"]}\n" },
	{ "GET /v1/a//b?c HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 301 ",
		"\r\nLocation: /v1/a/b?c\r\n" },
	{ "PUT /v1/a//b HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 400 ",
		"path cannot contain empty segments" },
	{ "GET /ui/ HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 ",
		"{\"errors\":[]}\n" },
	{ "TRACE /v1/x HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 405 ",
		"{\"errors\":[]}\n" },
	{ "POST /v1/a%00 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab",
		"HTTP/1.1 400 ", "Content-Length: 0\r\n\r\n" },
	{ "GET /v1/x HTTP/1.1\r\n" HOST "Upgrade: h2c\r\n"
	  "Connection: Upgrade\r\n\r\n",
		"HTTP/1.1 200 ", "path" },
};

static void
refusals_of_paths_keep_the_connection(void **state)
{
	int fd;
	(void)state;

	start();
	fd = dial();
	for (size_t i = 0; i < ARRAY_LEN(keeping); i++) {
		const char *text;

		say(fd, keeping[i].request);
		text = hear(fd, 1);
		assert_starts(text, keeping[i].answer);
		assert_holds(text, keeping[i].part);
		assert_null(strstr(text, "Connection: close"));
	}
	say(fd, "GET /v1/a%00 HTTP/1.1\r\n" HOST "\r\n");
	assert_null(strstr(hear(fd, 1), "Content-Type"));
	(void)close(fd);
}

static void
expectation_is_met_before_the_body(void **state)
{
	int fd;
	(void)state;

	start();
	fd = dial();
	say(fd,
		"PUT /v1/x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
		"Content-Length: 2\r\n\r\n");
	assert_string_equal(hear(fd, 1), "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "ab");
	assert_starts(hear(fd, 1), "HTTP/1.1 200 OK\r\n");
	(void)close(fd);
}

static void
refused_body_that_keeps_coming_does_not_lose_the_answer(void **state)
{
	static char much[1 << 16];
	const char *text;
	int fd;
	(void)state;

	memset(much, 'a', sizeof(much) - 1);
	start();
	fd = dial();
	say(fd,
		"PUT /v1/x HTTP/1.1\r\n" HOST
		"Content-Length: 99999999\r\n\r\n");
	say(fd, much);
	text = hear(fd, 0);
	assert_starts(text, "HTTP/1.1 413 ");
	(void)close(fd);
}

static void
large_answer_arrives_whole(void **state)
{
	size_t len = 0;
	char part[65536];
	ssize_t got;
	int fd;
	(void)state;

	start();
	fd = dial();
	say(fd, "GET /v1/large HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	while ((got = recv(fd, part, sizeof(part), 0)) > 0)
		len += (size_t)got;
	assert_true(len > 1000000);
	(void)close(fd);
}

static void
answer_for_a_closed_connection_is_dropped(void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	int fd, next;
	(void)state;

	/* One thread and one place: the next connection gets the same slot. */
	settings.io_threads = 1;
	settings.connections_max = 1;
	start();
	hold(true);
	fd = dial();
	say(fd, "GET /v1/work-stale HTTP/1.1\r\n" HOST "\r\n");
	wait_until(&n_in_work, 1);
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
		0);
	(void)close(fd);
	next = dial();
	say(next, "GET /v1/x HTTP/1.1\r\n" HOST "\r\n");
	(void)hear(next, 1);
	hold(false);
	wait_until(&n_freed, 2);
	say(next, "GET /v1/work-fresh HTTP/1.1\r\n" HOST "\r\n");
	assert_holds(hear(next, 1), "work-fresh");
	(void)close(next);
}

static void *
stop(void *ctx)
{
	(void)ctx;
	listener_stop(&listener, 60000);
	return NULL;
}

static void
stop_finishes_answers_in_flight_and_closes_the_rest(void **state)
{
	const char *text;
	pthread_t thread;
	int busy, idle, half;
	(void)state;

	start();
	hold(true);
	busy = dial();
	idle = dial();
	half = dial();
	say(busy, "GET /v1/work HTTP/1.1\r\n" HOST "\r\n");
	wait_until(&n_in_work, 1);
	say(idle, "GET /v1/x HTTP/1.1\r\n" HOST "\r\n");
	(void)hear(idle, 1);
	say(half, "GET /v1/x HTTP/1.1\r\n" HOST "\r\nGET /v1/x HT");
	(void)hear(half, 1);
	assert_int_equal(pthread_create(&thread, NULL, stop, NULL), 0);
	assert_string_equal(hear(idle, 0), "");
	text = hear(half, 0);
	assert_starts(text, "HTTP/1.1 503 ");
	assert_holds(text, "Connection: close\r\n");
	hold(false);
	text = hear(busy, 0);
	assert_starts(text, "HTTP/1.1 200 OK\r\n");
	assert_holds(text, "Connection: close\r\n");
	(void)pthread_join(thread, NULL);
	(void)close(busy);
	(void)close(idle);
	(void)close(half);
}

static void
stop_does_not_wait_past_its_grace(void **state)
{
	int fd;
	(void)state;

	start();
	hold(true);
	fd = dial();
	say(fd, "GET /v1/work HTTP/1.1\r\n" HOST "\r\n");
	wait_until(&n_in_work, 1);
	listener_stop(&listener, 0);
	assert_string_equal(hear(fd, 0), "");
	hold(false);
	wait_until(&n_freed, 1);
	(void)close(fd);
}

static void
slow_head_and_body_get_408(void **state)
{
	int head, body;
	(void)state;

	start();
	head = dial();
	body = dial();
	say(head, "GET /v1/x HTTP/1.1\r\nHo");
	assert_true(push_clock_until_heard(head, 11, ""));
	assert_starts(hear(head, 0), "HTTP/1.1 408 ");
	say(body,
		"PUT /v1/x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
		"Content-Length: 900\r\n\r\nab");
	(void)hear(body, 1);
	assert_true(push_clock_until_heard(body, 31, ""));
	assert_starts(hear(body, 0), "HTTP/1.1 408 ");
	(void)close(head);
	(void)close(body);
}

static void
trickling_does_not_move_the_deadline(void **state)
{
	int fd;
	(void)state;

	start();
	fd = dial();
	say(fd, "GET /v1/x HTTP/1.1\r\nHost: ");
	assert_true(push_clock_until_heard(fd, 6, "h"));
	assert_starts(hear(fd, 0), "HTTP/1.1 408 ");
	(void)close(fd);
}

static void
idle_connection_is_closed(void **state)
{
	int fd;
	(void)state;

	start();
	fd = dial();
	say(fd, "GET /v1/x HTTP/1.1\r\n" HOST "\r\n");
	(void)hear(fd, 1);
	assert_true(push_clock_until_heard(fd, 91, ""));
	assert_string_equal(hear(fd, 0), "");
	(void)close(fd);
}

static void
idle_connections_make_room_at_the_cap(void **state)
{
	int fds[6];
	(void)state;

	settings.connections_max = 2;
	start();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = dial();
		say(fds[i], "GET /v1/x HTTP/1.1\r\n" HOST "\r\n");
		assert_starts(hear(fds[i], 1), "HTTP/1.1 200 OK\r\n");
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
}

/* TLS and Unix sockets. */

static SSL *
dial_tls(SSL_CTX *ctx, int *ret_fd)
{
	SSL *tls = SSL_new(ctx);

	*ret_fd = dial();
	assert_int_equal(SSL_set_fd(tls, *ret_fd), 1);
	assert_int_equal(SSL_connect(tls), 1);
	return tls;
}

static const char *
ask_tls(SSL *tls, const char *request)
{
	static char text[ANSWER_MAX];
	size_t len = 0;

	assert_true(SSL_write(tls, request, (int)strlen(request)) > 0);
	text[0] = '\0';
	while (!has_answers(text, 1)) {
		int got = SSL_read(tls, text + len, 4096);

		assert_true(got > 0);
		len += (size_t)got;
		text[len] = '\0';
	}
	return text;
}

static void
peer_name(SSL *tls, char out[64])
{
	X509 *cert = SSL_get1_peer_certificate(tls);

	(void)X509_NAME_get_text_by_NID(
		X509_get_subject_name(cert), NID_commonName, out, 64);
	X509_free(cert);
}

static void
tls_is_served_and_its_certificates_are_read_again(void **state)
{
	static char cert[128], key[128];
	char name[64] = "";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct err err = { 0 };
	SSL *tls, *next;
	FILE *file;
	int fd, next_fd;
	(void)state;

	(void)snprintf(cert, sizeof(cert), "%s/tls.crt", dir);
	(void)snprintf(key, sizeof(key), "%s/tls.key", dir);
	assert_true(testcert_write(cert, key, "first"));
	settings.listeners[0].tls_disable = false;
	settings.listeners[0].tls_cert_file = cert;
	settings.listeners[0].tls_key_file = key;
	start();
	tls = dial_tls(ctx, &fd);
	assert_starts(ask_tls(tls, "GET /v1/work HTTP/1.1\r\n" HOST "\r\n"),
		"HTTP/1.1 200 OK\r\n");
	peer_name(tls, name);
	assert_string_equal(name, "first");

	assert_true(testcert_write(cert, key, "second"));
	assert_int_equal(listener_reload_tls(listener, &err), 0);
	next = dial_tls(ctx, &next_fd);
	peer_name(next, name);
	assert_string_equal(name, "second");
	SSL_free(next);
	(void)close(next_fd);

	file = fopen(cert, "w");
	assert_non_null(file);
	(void)fclose(file);
	assert_int_not_equal(listener_reload_tls(listener, &err), 0);
	assert_holds(err.message, cert);
	next = dial_tls(ctx, &next_fd);
	peer_name(next, name);
	assert_string_equal(name, "second");
	SSL_free(next);
	(void)close(next_fd);

	next_fd = dial();
	say(next_fd, "GET /v1/x HTTP/1.1\r\n" HOST "\r\n");
	assert_holds(hear(next_fd, 0), "HTTP request to an HTTPS server");
	(void)close(next_fd);

	/* The first connection has lived through it all. */
	assert_starts(ask_tls(tls, "GET /v1/x HTTP/1.1\r\n" HOST "\r\n"),
		"HTTP/1.1 200 OK\r\n");
	SSL_free(tls);
	(void)close(fd);
	SSL_CTX_free(ctx);
	(void)unlink(cert);
	(void)unlink(key);
}

static int
dial_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void
unix_socket_is_served_with_its_mode(void **state)
{
	static char path[100];
	struct listener *second = NULL;
	struct err err = { 0 };
	struct stat st;
	int fd, left;
	(void)state;

	(void)snprintf(path, sizeof(path), "%s/api.sock", dir);
	settings.listeners[0] = (struct listener_settings){
		.type = "unix",
		.path = path,
		.socket_mode = 0600,
	};
	start();
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	fd = dial_unix(path);
	say(fd, "GET /v1/x HTTP/1.1\r\n" HOST "\r\n");
	assert_starts(hear(fd, 1), "HTTP/1.1 200 OK\r\n");
	assert_holds(saw, " unix");
	assert_int_not_equal(listener_start(&server, &second, &err), 0);
	assert_holds(err.message, "in use");
	(void)close(fd);
	listener_stop(&listener, 0);
	assert_int_not_equal(lstat(path, &st), 0);

	/* What a crash leaves behind is replaced. */
	left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	{
		struct sockaddr_un addr = { .sun_family = AF_UNIX };

		(void)snprintf(
			addr.sun_path, sizeof(addr.sun_path), "%s", path);
		assert_int_equal(
			bind(left, (struct sockaddr *)&addr, sizeof(addr)), 0);
	}
	(void)close(left);
	start();
	fd = dial_unix(path);
	assert_true(fd >= 0);
	(void)close(fd);
}

static void
bad_addresses_are_named(void **state)
{
	static const char *const bad[] = { "127.0.0.1", "127.0.0.1:", "::1:80",
		"[::1]", "no.such.host.invalid:80", "127.0.0.1:x" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		settings.listeners[0].address = bad[i];
		assert_int_not_equal(
			listener_start(&server, &listener, &err), 0);
		assert_holds(err.message, bad[i]);
		assert_null(listener);
	}
}

static int
group_setup(void **state)
{
	(void)state;
	log_set_level(LOG_OFF);
	(void)snprintf(dir, sizeof(dir), "%s/sallyport-http.XXXXXX",
		getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define LISTENER_TEST(name)                                                    \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENER_TEST(connection_serves_requests_one_after_another),
		LISTENER_TEST(answers_have_the_fields_of_the_api),
		LISTENER_TEST(pipelined_requests_are_answered_in_order),
		LISTENER_TEST(hundreds_of_small_requests_fit_one_read),
		LISTENER_TEST(refusals_that_close_are_answered_first),
		LISTENER_TEST(refusals_of_paths_keep_the_connection),
		LISTENER_TEST(expectation_is_met_before_the_body),
		LISTENER_TEST(
			refused_body_that_keeps_coming_does_not_lose_the_answer),
		LISTENER_TEST(large_answer_arrives_whole),
		LISTENER_TEST(answer_for_a_closed_connection_is_dropped),
		LISTENER_TEST(
			stop_finishes_answers_in_flight_and_closes_the_rest),
		LISTENER_TEST(stop_does_not_wait_past_its_grace),
		LISTENER_TEST(slow_head_and_body_get_408),
		LISTENER_TEST(trickling_does_not_move_the_deadline),
		LISTENER_TEST(idle_connection_is_closed),
		LISTENER_TEST(idle_connections_make_room_at_the_cap),
		LISTENER_TEST(
			tls_is_served_and_its_certificates_are_read_again),
		LISTENER_TEST(unix_socket_is_served_with_its_mode),
		LISTENER_TEST(bad_addresses_are_named),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
