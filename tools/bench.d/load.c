/*
 * Load over keep-alive HTTP/1.1 connections to 127.0.0.1, plain or with TLS:
 * each sends its next request as soon as it has its answer. One thread and
 * epoll; a send and a receive for each request, so that most of the machine is
 * the server's. Handshakes come before the time that counts, and an empty line
 * is printed behind them; in the end one JSON object. tools/bench starts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tools/bench.d/seconds.h"

#define REQUEST_MAX 4096
#define ANSWER_MAX 16384
#define CONNS_MAX 1024
#define SAMPLES_MAX (4 * 1024 * 1024)

/* So many in the body, or more, stand for the next line of standard input. */
static const char placeholder[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

struct conn {
	int fd;
	SSL *tls; /* NULL: plain */
	double sent_s;
	size_t len; /* of the answer, up to now */
	char answer[ANSWER_MAX + 1];
};

static struct {
	SSL_CTX *tls; /* NULL: plain */
	char request[REQUEST_MAX];
	size_t request_len;
	char *blank_at; /* in the request; NULL: none */
	size_t blank_len;
	FILE *kept;     /* where a text of each answer goes; NULL: nowhere */
	char field[64]; /* its name as it stands in the answer */
	double end_s;
	size_t n_busy; /* connections that wait for an answer */
	uint64_t n_refused;
	uint32_t *samples_us10; /* latency in tenths of a microsecond */
	size_t n_samples;
} load;

static void
die(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
make_request(char *const words[4], const char *port)
{
	const char *method = words[0], *path = words[1], *token = words[2],
		   *body = words[3];
	int n = snprintf(load.request, sizeof(load.request),
		"%s %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n%s%s%s"
		"Content-Length: %zu\r\n\r\n%s",
		method, path, port, token[0] != '\0' ? "X-Vault-Token: " : "",
		token, token[0] != '\0' ? "\r\n" : "", strlen(body), body);

	if (n < 0 || (size_t)n >= sizeof(load.request)) {
		errno = E2BIG;
		die("the request");
	}
	load.request_len = (size_t)n;
	load.blank_at = strstr(load.request, placeholder);
	if (load.blank_at != NULL)
		load.blank_len = strspn(load.blank_at, "@");
}

/* False where there are no more. */
static bool
fill_blank(void)
{
	char line[REQUEST_MAX];

	if (load.blank_at == NULL)
		return true;
	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	if (strcspn(line, "\n") != load.blank_len) {
		errno = EINVAL;
		die("a line of another length");
	}
	memcpy(load.blank_at, line, load.blank_len);
	return true;
}

/* A request is less than an idle socket takes at once. */
static bool
put(struct conn *conn, const char *text, size_t len)
{
	if (conn->tls != NULL)
		return SSL_write(conn->tls, text, (int)len) == (int)len;
	return send(conn->fd, text, len, 0) == (ssize_t)len;
}

/* What is there, at most len bytes; 0: half a TLS record, or none of ours. */
static size_t
get(struct conn *conn, char *text, size_t len)
{
	ssize_t n;

	if (conn->tls == NULL) {
		n = recv(conn->fd, text, len, 0);
	} else {
		n = SSL_read(conn->tls, text, (int)len);
		if (n <= 0 &&
			SSL_get_error(conn->tls, (int)n) == SSL_ERROR_WANT_READ)
			return 0;
	}
	if (n <= 0)
		die("the server closed a connection");
	return (size_t)n;
}

static void
send_next(struct conn *conn)
{
	conn->sent_s = seconds_now();
	if (conn->sent_s >= load.end_s || !fill_blank())
		return;
	conn->len = 0;
	if (!put(conn, load.request, load.request_len))
		die("send");
	load.n_busy++;
}

/* Whether the whole answer is there. */
static bool
is_whole(const char *answer, size_t len)
{
	static const char field[] = "\r\nContent-Length: ";
	const char *body = strstr(answer, "\r\n\r\n");
	const char *length = strcasestr(answer, field);
	size_t n = 0;

	if (body == NULL)
		return false;
	if (length != NULL && length < body)
		n = strtoul(length + sizeof(field) - 1, NULL, 10);
	return len >= (size_t)(body + 4 - answer) + n;
}

static void
keep_field(const char *answer)
{
	const char *text = strstr(answer, load.field);

	if (load.kept == NULL || text == NULL)
		return;
	text += strlen(load.field);
	(void)fprintf(load.kept, "%.*s\n", (int)strcspn(text, "\""), text);
}

static void
open_kept(const char *path, const char *field)
{
	(void)snprintf(load.field, sizeof(load.field), "\"%s\":\"", field);
	load.kept = fopen(path, "we");
	if (load.kept == NULL)
		die(path);
}

static void
take_answer(struct conn *conn)
{
	load.n_busy--;
	if (load.n_samples < SAMPLES_MAX)
		load.samples_us10[load.n_samples++] =
			(uint32_t)((seconds_now() - conn->sent_s) * 1e7);
	if (strncmp(conn->answer, "HTTP/1.1 2", 10) != 0 &&
		load.n_refused++ == 0)
		(void)fprintf(
			stderr, "load: first refusal: %s\n", conn->answer);
	keep_field(conn->answer);
	send_next(conn);
}

static void
on_readable(struct conn *conn)
{
	do {
		conn->len += get(
			conn, conn->answer + conn->len, ANSWER_MAX - conn->len);
		conn->answer[conn->len] = '\0';
	} while (conn->tls != NULL && SSL_pending(conn->tls) > 0);
	if (is_whole(conn->answer, conn->len))
		take_answer(conn);
}

/* Whose certificate it is does not matter here: nobody checks it. */
static void
begin_tls(struct conn *conn)
{
	conn->tls = SSL_new(load.tls);
	if (conn->tls == NULL || SSL_set_fd(conn->tls, conn->fd) != 1 ||
		SSL_connect(conn->tls) != 1 ||
		fcntl(conn->fd, F_SETFL, O_NONBLOCK) != 0)
		die("TLS");
}

static void
open_conn(struct conn *conn, const char *port, int epoll)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
	int on = 1;

	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn->fd < 0 ||
		connect(conn->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect");
	(void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (load.tls != NULL)
		begin_tls(conn);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		die("epoll_ctl");
}

static void
run(int epoll)
{
	struct epoll_event events[CONNS_MAX];
	int n;

	while (load.n_busy > 0) {
		n = epoll_wait(epoll, events, CONNS_MAX, 10000);
		if (n <= 0)
			die("no answer in ten seconds");
		for (int i = 0; i < n; i++)
			on_readable(events[i].data.ptr);
	}
}

static int
compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
quantile_us(double q)
{
	size_t i = (size_t)(q * (double)load.n_samples);

	if (load.n_samples == 0)
		return 0;
	if (i >= load.n_samples)
		i = load.n_samples - 1;
	return load.samples_us10[i] / 10.0;
}

static void
report(double spent_s)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	qsort(load.samples_us10, load.n_samples, sizeof(uint32_t), compare);
	(void)printf(
		"{\"n\":%zu,\"refused\":%llu,\"seconds\":%.4f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"cpu_s\":%.3f}\n",
		load.n_samples, (unsigned long long)load.n_refused, spent_s,
		quantile_us(0.5), quantile_us(0.99),
		(double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
			((double)usage.ru_utime.tv_usec +
				(double)usage.ru_stime.tv_usec) /
				1e6);
}

int
main(int argc, char **argv)
{
	const bool with_tls = argc > 1 && strcmp(argv[1], "-t") == 0;
	struct conn *conns = calloc(CONNS_MAX, sizeof(*conns));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	size_t n_conns = 0;
	double start_s;

	if (with_tls) {
		load.tls = SSL_CTX_new(TLS_client_method());
		if (load.tls == NULL)
			die("TLS");
		argc--;
		argv++;
	}
	if (argc > 2)
		n_conns = strtoul(argv[2], NULL, 10);
	if (argc < 8 || n_conns == 0 || n_conns > CONNS_MAX) {
		(void)fputs(
			"usage: load [-t] PORT CONNECTIONS SECONDS METHOD PATH"
			" TOKEN BODY [FILE FIELD-TO-KEEP]\n",
			stderr);
		return 1;
	}
	load.samples_us10 = calloc(SAMPLES_MAX, sizeof(uint32_t));
	if (conns == NULL || load.samples_us10 == NULL || epoll < 0)
		die("starting");
	if (argc > 9)
		open_kept(argv[8], argv[9]);
	make_request(argv + 4, argv[1]);
	for (size_t i = 0; i < n_conns; i++)
		open_conn(&conns[i], argv[1], epoll);
	/* What the server does from now on is for requests. */
	(void)puts("");
	(void)fflush(stdout);
	start_s = seconds_now();
	load.end_s = start_s + strtod(argv[3], NULL);
	for (size_t i = 0; i < n_conns; i++)
		send_next(&conns[i]);
	run(epoll);
	report(seconds_now() - start_s);
	return load.kept != NULL && fclose(load.kept) != 0;
}
