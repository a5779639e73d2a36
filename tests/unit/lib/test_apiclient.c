/*
 * The API client against a thread that plays a server: what was sent, which
 * address was asked, and what each way to fail is called.
 */
#include "lib/apiclient.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "lib/json.h"
#include "lib/tls.h"
#include "tests/support/testcert.h"

#define ANSWERS_MAX 4
#define SAW_MAX 4096

/* Answers connections in turn; NULL: reads the request, then hangs up. */
struct peer {
	int fd;
	char url[64];
	SSL_CTX *tls;
	const char *answers[ANSWERS_MAX];
	size_t n_answers;
	size_t n_seen;
	char saw[ANSWERS_MAX][SAW_MAX];
	pthread_t thread;
};

static char dir[64];

static int
peer_read(SSL *tls, int fd, char *out, size_t size)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = tls != NULL
			? SSL_read(tls, out + len, (int)(size - len - 1))
			: read(fd, out + len, size - len - 1);

		if (n <= 0)
			return -1;
		len += (size_t)n;
		out[len] = '\0';
		/* Bodies of these tests end in "}". */
		if (strstr(out, "\r\n\r\n") != NULL &&
			(strstr(out, "Content-Length") == NULL ||
				strstr(out, "Content-Length: 0") != NULL ||
				out[len - 1] == '}'))
			return 0;
	}
}

static void
peer_answer(struct peer *peer, int fd, const char *answer, char *saw)
{
	SSL *tls = peer->tls != NULL ? SSL_new(peer->tls) : NULL;

	if (tls != NULL && (SSL_set_fd(tls, fd) != 1 || SSL_accept(tls) != 1)) {
		SSL_free(tls);
		return;
	}
	if (peer_read(tls, fd, saw, SAW_MAX) == 0 && answer != NULL) {
		if (tls != NULL)
			(void)SSL_write(tls, answer, (int)strlen(answer));
		else if (write(fd, answer, strlen(answer)) < 0)
			abort();
	}
	if (tls != NULL)
		(void)SSL_shutdown(tls);
	SSL_free(tls);
}

static void *
peer_run(void *ctx)
{
	struct peer *peer = ctx;

	for (; peer->n_seen < peer->n_answers; peer->n_seen++) {
		int fd = accept(peer->fd, NULL, NULL);

		if (fd < 0)
			break;
		peer_answer(peer, fd, peer->answers[peer->n_seen],
			peer->saw[peer->n_seen]);
		(void)close(fd);
	}
	return NULL;
}

static void
peer_start(struct peer *peer, SSL_CTX *tls)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);

	peer->tls = tls;
	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(peer->fd >= 0);
	assert_int_equal(bind(peer->fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(peer->fd, 8), 0);
	assert_int_equal(
		getsockname(peer->fd, (struct sockaddr *)&addr, &len), 0);
	(void)snprintf(peer->url, sizeof(peer->url), "%s://127.0.0.1:%d",
		tls != NULL ? "https" : "http", ntohs(addr.sin_port));
	assert_int_equal(
		pthread_create(&peer->thread, NULL, peer_run, peer), 0);
}

static void
peer_stop(struct peer *peer)
{
	(void)shutdown(peer->fd, SHUT_RDWR);
	(void)pthread_join(peer->thread, NULL);
	(void)close(peer->fd);
}

/* An address that refuses connections: bound, closed, and so free. */
static void
dead_address(char out[64])
{
	struct peer peer = { .n_answers = 0 };

	peer_start(&peer, NULL);
	peer_stop(&peer);
	(void)snprintf(out, 64, "%s", peer.url);
}

static const char ok_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n"
				"{\"data\":\"yes\"}";

static int
call(const struct apiclient_settings *settings,
	const struct apiclient_request *request, struct arena *arena,
	struct apiclient_answer *answer, struct err *err)
{
	struct apiclient *client = NULL;
	int rc;

	err_clear(err);
	assert_int_equal(apiclient_new(settings, &client, err), 0);
	rc = apiclient_call(client, request, arena, answer, err);
	apiclient_free(&client);
	return rc;
}

static const struct apiclient_request read_x = {
	.method = "GET",
	.path = "/v1/x?list=true",
};

static struct apiclient_settings
settings_for(const char *const *addresses, size_t n)
{
	return (struct apiclient_settings){
		.addresses = addresses,
		.n_addresses = n,
		.connect_ms = 5000,
		.total_ms = 20000,
		.body_max = 1 << 16,
	};
}

static void
client_sends_the_request_and_reads_json(void **state)
{
	struct peer peer = { .answers = { ok_answer }, .n_answers = 1 };
	const char *addresses[] = { peer.url };
	struct apiclient_settings settings = settings_for(addresses, 1);
	struct apiclient_request request = {
		.method = "PUT",
		.path = "/v1/ssh/verify",
		.token = secret_view_of("s.abc", 5),
		.wrap_ttl = "5m",
		.body = span_str("{\"otp\":\"1\"}"),
	};
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	settings.name_space = "ns1";
	peer_start(&peer, NULL);
	assert_int_equal(call(&settings, &request, arena, &answer, &err), 0);
	peer_stop(&peer);
	assert_int_equal(answer.outcome, APICLIENT_ANSWERED);
	assert_int_equal(answer.status, 200);
	assert_string_equal(value_find_str(answer.json, "data", ""), "yes");
	assert_non_null(strstr(peer.saw[0], "PUT /v1/ssh/verify HTTP/1.1\r\n"));
	assert_non_null(strstr(peer.saw[0], "\r\nX-Vault-Token: s.abc\r\n"));
	assert_non_null(strstr(peer.saw[0], "\r\nX-Vault-Request: true\r\n"));
	assert_non_null(strstr(peer.saw[0], "\r\nX-Vault-Namespace: ns1/\r\n"));
	assert_non_null(strstr(peer.saw[0], "\r\nX-Vault-Wrap-TTL: 5m\r\n"));
	assert_non_null(strstr(peer.saw[0], "\r\n\r\n{\"otp\":\"1\"}"));
	assert_null(strstr(peer.saw[0], "Expect"));
	assert_null(strstr(peer.saw[0], "Accept-Encoding"));
	arena_free(&arena);
}

static void
client_sends_a_path_as_it_is(void **state)
{
	struct peer peer = { .answers = { ok_answer }, .n_answers = 1 };
	const char *addresses[] = { peer.url };
	struct apiclient_settings settings = settings_for(addresses, 1);
	struct apiclient_request request = read_x;
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	request.path = "/v1/ssh/creds/../../sys/./seal";
	peer_start(&peer, NULL);
	assert_int_equal(call(&settings, &request, arena, &answer, &err), 0);
	peer_stop(&peer);
	assert_non_null(strstr(
		peer.saw[0], "GET /v1/ssh/creds/../../sys/./seal HTTP/1.1"));
	arena_free(&arena);
}

static void
client_never_tells_the_password_of_an_address(void **state)
{
	static const struct {
		const char *address, *shown;
	} rows[] = {
		{ "http://bob:hunter2@127.0.0.1:1", "//bob:***@127.0.0.1:1/" },
		{ "http://bob:hu@nter2@127.0.0.1:1", "//bob:***@127.0.0.1:1/" },
		{ "https://:hunter2@127.0.0.1:1", "//:***@127.0.0.1:1/" },
		{ "http://bob@127.0.0.1:1", "//bob@127.0.0.1:1/" },
		{ "ftp://bob:hunter2@127.0.0.1", "//bob:***@127.0.0.1\"" },
		{ "bob:hunter2@127.0.0.1", "\"bob:***@127.0.0.1\"" },
		{ "http://bob:hunter2@[::1:8200", "//bob:***@[::1:8200" },
	};
	struct arena *arena = arena_new(1 << 20);
	struct apiclient_answer answer;
	struct err err = { 0 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct apiclient_settings settings =
			settings_for(&rows[i].address, 1);
		struct apiclient *client = NULL;

		err_clear(&err);
		assert_true(apiclient_new(&settings, &client, &err) != 0 ||
			apiclient_call(client, &read_x, arena, &answer, &err) !=
				0);
		apiclient_free(&client);
		assert_non_null(strstr(err.message, rows[i].shown));
		assert_null(strstr(err.message, "nter2"));
		assert_null(strstr(err.detail, "nter2"));
	}
	arena_free(&arena);
}

static void
client_goes_on_to_the_next_address_only_unsent(void **state)
{
	struct peer peer = { .answers = { ok_answer }, .n_answers = 1 };
	char dead[64];
	const char *addresses[] = { dead, peer.url };
	struct apiclient_settings settings = settings_for(addresses, 2);
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	dead_address(dead);
	peer_start(&peer, NULL);
	assert_int_equal(call(&settings, &read_x, arena, &answer, &err), 0);
	peer_stop(&peer);
	assert_int_equal(answer.status, 200);
	assert_memory_equal(answer.url, peer.url, strlen(peer.url));
	arena_free(&arena);
}

static void
client_does_not_ask_another_once_it_was_sent(void **state)
{
	struct peer lost = { .answers = { NULL }, .n_answers = 1 };
	struct peer next = { .answers = { ok_answer }, .n_answers = 1 };
	const char *addresses[] = { lost.url, next.url };
	struct apiclient_settings settings = settings_for(addresses, 2);
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	settings.retries = 2;
	peer_start(&lost, NULL);
	peer_start(&next, NULL);
	assert_int_equal(
		call(&settings, &read_x, arena, &answer, &err), ERR_PEER);
	peer_stop(&lost);
	peer_stop(&next);
	assert_int_equal(answer.outcome, APICLIENT_LOST);
	assert_int_equal(lost.n_seen, 1);
	assert_int_equal(next.n_seen, 0);
	arena_free(&arena);
}

static void
client_names_an_address_that_refuses(void **state)
{
	char dead[64];
	const char *addresses[] = { dead };
	struct apiclient_settings settings = settings_for(addresses, 1);
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	dead_address(dead);
	assert_int_equal(
		call(&settings, &read_x, arena, &answer, &err), ERR_PEER);
	assert_int_equal(answer.outcome, APICLIENT_UNREACHABLE);
	assert_non_null(strstr(err.message, "Get \"http://127.0.0.1:"));
	assert_non_null(strstr(err.message, "refused"));
	arena_free(&arena);
}

static void
client_keeps_its_total_deadline(void **state)
{
	struct peer peer = { .n_answers = 0 };
	const char *addresses[] = { peer.url };
	struct apiclient_settings settings = settings_for(addresses, 1);
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	settings.total_ms = 50;
	peer_start(&peer, NULL);
	assert_int_equal(
		call(&settings, &read_x, arena, &answer, &err), ERR_TIMEOUT);
	peer_stop(&peer);
	assert_int_equal(answer.outcome, APICLIENT_TIMEOUT);
	arena_free(&arena);
}

static void
client_refuses_an_answer_past_its_cap(void **state)
{
	struct peer peer = { .answers = { ok_answer }, .n_answers = 1 };
	const char *addresses[] = { peer.url };
	struct apiclient_settings settings = settings_for(addresses, 1);
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	settings.body_max = 13;
	peer_start(&peer, NULL);
	assert_int_equal(
		call(&settings, &read_x, arena, &answer, &err), ERR_PEER);
	peer_stop(&peer);
	assert_int_equal(answer.outcome, APICLIENT_LOST);
	assert_non_null(strstr(err.message, "larger than allowed"));
	arena_free(&arena);
}

static void
client_follows_one_redirect_where_asked(void **state)
{
	struct peer peer = { .answers = { NULL, ok_answer }, .n_answers = 2 };
	const char *addresses[] = { peer.url };
	struct apiclient_settings settings = settings_for(addresses, 1);
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	peer.answers[0] = "HTTP/1.1 307 Temporary Redirect\r\n"
			  "Location: /v1/y\r\nContent-Length: 0\r\n\r\n";
	settings.follow_redirect = true;
	peer_start(&peer, NULL);
	assert_int_equal(call(&settings, &read_x, arena, &answer, &err), 0);
	peer_stop(&peer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(peer.saw[1], "GET /v1/y HTTP/1.1"));

	settings.follow_redirect = false;
	peer.n_seen = 0;
	peer.n_answers = 1;
	peer_start(&peer, NULL);
	assert_int_equal(call(&settings, &read_x, arena, &answer, &err), 0);
	peer_stop(&peer);
	assert_int_equal(answer.status, 307);
	arena_free(&arena);
}

static void
client_tries_again_where_asked(void **state)
{
	struct peer peer = { .answers = { NULL, ok_answer }, .n_answers = 2 };
	const char *addresses[] = { peer.url };
	struct apiclient_settings settings = settings_for(addresses, 1);
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };
	(void)state;

	peer.answers[0] = "HTTP/1.1 503 Service Unavailable\r\n"
			  "Content-Length: 0\r\n\r\n";
	settings.retries = 1;
	peer_start(&peer, NULL);
	assert_int_equal(call(&settings, &read_x, arena, &answer, &err), 0);
	peer_stop(&peer);
	assert_int_equal(answer.status, 200);
	arena_free(&arena);
}

static SSL_CTX *
tls_context(const char *name)
{
	char cert[128] = "", key[128] = "";
	struct tls_server_settings settings = {
		.cert_file = cert,
		.key_file = key,
		.min_version = "",
		.max_version = "",
		.client_ca_file = "",
	};
	SSL_CTX *ctx = NULL;
	struct err err = { 0 };

	(void)snprintf(cert, sizeof(cert), "%s/%s.crt", dir, name);
	(void)snprintf(key, sizeof(key), "%s/%s.key", dir, name);
	assert_true(testcert_write(cert, key, name));
	assert_int_equal(tls_server_ctx_new(&settings, &ctx, &err), 0);
	return ctx;
}

static void
check_tls(struct apiclient_settings settings, SSL_CTX *ctx, int wanted_rc,
	const char *words)
{
	struct peer peer = { .answers = { ok_answer }, .n_answers = 1 };
	const char *addresses[] = { peer.url };
	struct apiclient_answer answer = { .status = 0 };
	struct arena *arena = arena_new(1 << 20);
	struct err err = { 0 };

	settings.addresses = addresses;
	settings.n_addresses = 1;
	settings.connect_ms = 5000;
	settings.total_ms = 20000;
	peer_start(&peer, ctx);
	assert_int_equal(
		call(&settings, &read_x, arena, &answer, &err), wanted_rc);
	peer_stop(&peer);
	assert_int_equal(answer.outcome,
		wanted_rc == 0 ? APICLIENT_ANSWERED : APICLIENT_TLS);
	if (words != NULL)
		assert_non_null(strstr(err.message, words));
	arena_free(&arena);
}

static void
client_trusts_what_it_was_told_to(void **state)
{
	SSL_CTX *ctx = tls_context("one"), *other = tls_context("two");
	char ca[128];
	(void)state;

	(void)snprintf(ca, sizeof(ca), "%s/one.crt", dir);
	check_tls((struct apiclient_settings){ .ca_cert = ca }, ctx, 0, NULL);
	check_tls((struct apiclient_settings){ .ca_path = dir }, ctx, 0, NULL);
	check_tls((struct apiclient_settings){ .ca_cert = ca }, other, ERR_PEER,
		"certificate");
	check_tls((struct apiclient_settings){ .ca_cert = "" }, ctx, ERR_PEER,
		"certificate");
	check_tls((struct apiclient_settings){ .tls_skip_verify = true }, ctx,
		0, NULL);
	check_tls((struct apiclient_settings){ .ca_cert = ca,
			  .tls_server_name = "localhost" },
		ctx, 0, NULL);
	check_tls((struct apiclient_settings){ .ca_cert = ca,
			  .tls_server_name = "elsewhere" },
		ctx, ERR_PEER, "elsewhere");
	check_tls(
		(struct apiclient_settings){ .ca_cert = ca,
			.spki_sha256 =
				"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
		ctx, ERR_PEER, NULL);
	tls_ctx_free(&ctx);
	tls_ctx_free(&other);
}

static void
client_checks_its_settings(void **state)
{
	static const char *const good[] = { "http://127.0.0.1:8200" };
	static const char *const bad[] = { "ftp://h", "h:8200", "unix://x",
		"" };
	struct apiclient_settings settings = settings_for(good, 1);
	struct apiclient *client = NULL;
	struct err err = { 0 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct apiclient_settings one = settings_for(&bad[i], 1);

		assert_int_equal(apiclient_new(&one, &client, &err), ERR_INPUT);
		err_clear(&err);
	}
	settings.client_cert = "/nowhere/x.crt";
	assert_int_equal(apiclient_new(&settings, &client, &err), ERR_INPUT);
	assert_string_equal(err.message,
		"both client cert and client key must be provided");
	err_clear(&err);
	settings.client_cert = "";
	settings.ca_cert = "/nowhere/x.crt";
	assert_int_equal(apiclient_new(&settings, &client, &err), ERR_INPUT);
	assert_non_null(strstr(err.message, "/nowhere/x.crt"));
	assert_null(client);
}

static void
tls_settings_are_checked(void **state)
{
	SSL_CTX *ctx = tls_context("three");
	char cert[128], other[128];
	struct tls_server_settings settings = {
		.cert_file = cert,
		.key_file = other,
		.min_version = "tls12",
		.max_version = "",
		.client_ca_file = "",
	};
	struct err err = { 0 };
	(void)state;

	tls_ctx_free(&ctx);
	(void)snprintf(cert, sizeof(cert), "%s/three.crt", dir);
	(void)snprintf(other, sizeof(other), "%s/one.key", dir);
	assert_int_equal(tls_server_ctx_new(&settings, &ctx, &err), ERR_INPUT);
	assert_non_null(strstr(err.message, other));
	err_clear(&err);
	(void)snprintf(other, sizeof(other), "%s/three.key", dir);
	settings.min_version = "tls10";
	assert_int_equal(tls_server_ctx_new(&settings, &ctx, &err), ERR_INPUT);
	err_clear(&err);
	settings.min_version = "tls13";
	settings.max_version = "tls12";
	assert_int_equal(tls_server_ctx_new(&settings, &ctx, &err), ERR_INPUT);
	assert_null(ctx);
}

static void
paths_are_escaped_once(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	(void)state;

	assert_string_equal(
		apiclient_escape_path(arena, "/v1/a b/\xc3\xa9%?#c"),
		"/v1/a%20b/%C3%A9%25%3F%23c");
	arena_free(&arena);
}

static int
group_setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/sallyport-tls.XXXXXX",
		getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	json_setup();
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	static const char *const names[] = { "one", "two", "three" };
	char path[128];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.crt", dir, names[i]);
		(void)unlink(path);
		(void)snprintf(path, sizeof(path), "%s/%s.key", dir, names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_sends_the_request_and_reads_json),
		cmocka_unit_test(client_sends_a_path_as_it_is),
		cmocka_unit_test(client_never_tells_the_password_of_an_address),
		cmocka_unit_test(
			client_goes_on_to_the_next_address_only_unsent),
		cmocka_unit_test(client_does_not_ask_another_once_it_was_sent),
		cmocka_unit_test(client_names_an_address_that_refuses),
		cmocka_unit_test(client_keeps_its_total_deadline),
		cmocka_unit_test(client_refuses_an_answer_past_its_cap),
		cmocka_unit_test(client_follows_one_redirect_where_asked),
		cmocka_unit_test(client_tries_again_where_asked),
		cmocka_unit_test(client_trusts_what_it_was_told_to),
		cmocka_unit_test(client_checks_its_settings),
		cmocka_unit_test(tls_settings_are_checked),
		cmocka_unit_test(paths_are_escaped_once),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
