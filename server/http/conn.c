/*
 * A connection's life: handshake, then heads, bodies, work and answers in
 * turn. Events are armed once and taken away only when bytes come that nobody
 * wants yet, so that an ordinary request costs one read and one write.
 */
#include "server/http/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/ssl.h>

#include "lib/secret.h"
#include "server/api/pipeline.h"
#include "server/http/endpoint.h"
#include "server/http/request.h"

#define OUT_MAX (256 * 1024 * 1024)
#define OUT_KEPT 8192
/* Room for status line and fields beside a body. */
#define FIELDS_ROOM 512
/* What a request that is refused anyway may bring along. */
#define REFUSED_BODY_MAX (1024 * 1024)
#define REST_MAX IO_READ_MAX

/* Bytes of a request are wanted now. */
static bool
wants_input(const struct conn *conn)
{
	return conn->phase == CONN_IDLE || conn->phase == CONN_HEAD ||
		conn->phase == CONN_BODY;
}

static void
arm_reading(struct conn *conn)
{
	if (!conn->is_reading && event_add(&conn->readable, NULL) == 0)
		conn->is_reading = true;
}

static void
disarm_reading(struct conn *conn)
{
	if (conn->is_reading)
		(void)event_del(&conn->readable);
	conn->is_reading = false;
}

void
conn_close(struct conn *conn)
{
	io_remove_conn(conn->io, conn);
	disarm_reading(conn);
	(void)event_del(&conn->writable);
	transport_close(&conn->transport);
	http_parser_clear(&conn->parser);
	buf_clear(&conn->rest);
	buf_clear(&conn->out);
	req_free(&conn->req);
	free(conn);
}

/* The last answer is out. Unread input would make close reset it away. */
static void
end(struct conn *conn)
{
	if (!conn->is_refused) {
		conn_close(conn);
		return;
	}
	transport_end_writing(&conn->transport);
	io_set_phase(conn->io, conn, CONN_LINGER);
	arm_reading(conn);
}

static void
next_request(struct conn *conn)
{
	http_parser_reset(&conn->parser);
	if (conn->out.cap > OUT_KEPT)
		buf_clear(&conn->out);
	else
		buf_reset(&conn->out);
	conn->out_at = 0;
	io_set_phase(conn->io, conn, CONN_IDLE);
}

/*
 * Send what is left of the answer. False where the connection is gone; a
 * whole answer leads to the next request or to the end.
 */
static bool
flush(struct conn *conn)
{
	while (conn->out_at < conn->out.len) {
		size_t n = 0;
		int rc = transport_write(&conn->transport,
			conn->out.data + conn->out_at,
			conn->out.len - conn->out_at, &n);

		if (rc == ERR_BUSY) {
			(void)event_add(&conn->writable, NULL);
			return true;
		}
		if (rc != 0) {
			conn_close(conn);
			return false;
		}
		conn->out_at += n;
	}
	if (conn->phase != CONN_WRITE)
		return true;
	if (conn->is_last) {
		end(conn);
		return false;
	}
	next_request(conn);
	return true;
}

/* The answer stands in out: send it. False where the connection is gone. */
static bool
send_out(struct conn *conn)
{
	if (conn->out.rc != 0) {
		conn_close(conn);
		return false;
	}
	io_set_phase(conn->io, conn, CONN_WRITE);
	return flush(conn);
}

static struct reply_frame
frame_of(struct conn *conn)
{
	return (struct reply_frame){
		.date = io_date(conn->io),
		.is_head = conn->parser.method == HTTP_HEAD &&
			conn->parser.state >= HTTP_ST_HEAD,
		.close = conn->is_last,
	};
}

/* Answer a fault and close: where the request ends is not known. */
static bool
refuse(struct conn *conn, enum http_fault fault)
{
	struct reply_frame frame;

	conn->is_last = true;
	conn->is_refused = true;
	req_free(&conn->req);
	frame = frame_of(conn);
	frame.is_head = false;
	(void)reply_out_add_fault(&conn->out, fault, &frame);
	return send_out(conn);
}

/* Whether the request never reaches the pipeline; then its answer. */
static bool
answers_itself(struct conn *conn)
{
	struct reply_frame frame = frame_of(conn);
	const char *text = http_path_text(conn->verdict);

	if (conn->parser.method == HTTP_OTHER)
		(void)reply_out_add_error(&conn->out, 405, "", NULL, &frame);
	else if (conn->verdict == HTTP_PATH_OK)
		return false;
	else if (conn->verdict == HTTP_PATH_BAD)
		(void)reply_out_add_bare(&conn->out, 400, &frame);
	else if (conn->verdict == HTTP_PATH_OUTSIDE)
		(void)reply_out_add_error(&conn->out, 404, "", NULL, &frame);
	else if (conn->verdict == HTTP_PATH_MEMORY)
		(void)reply_out_add_error(&conn->out, 500, text, NULL, &frame);
	else if (conn->verdict == HTTP_PATH_EMPTY &&
		conn->parser.method == HTTP_GET)
		(void)reply_out_add_error(
			&conn->out, 301, "", conn->location, &frame);
	else
		(void)reply_out_add_error(&conn->out, 400, text, NULL, &frame);
	return true;
}

static void
on_done(struct req *req)
{
	io_post(req->done_ctx);
}

/* The request and its body leave for the pipeline. */
static struct ticket *
make_ticket(struct conn *conn)
{
	struct req *req = conn->req;
	struct ticket *ticket = ARENA_NEW(req->arena, struct ticket);

	if (ticket == NULL)
		return NULL;
	*ticket = (struct ticket){
		.io = conn->io,
		.req = req,
		.body = conn->parser.body,
		.slot = conn->slot,
		.generation = conn->generation,
	};
	buf_init(&conn->parser.body, 0);
	conn->req = NULL;
	req->body = buf_span(&ticket->body);
	req->done = on_done;
	req->done_ctx = ticket;
	return ticket;
}

/* The answer of the pipeline, as bytes. */
static void
add_answer(struct conn *conn, const struct req_out *out)
{
	struct reply_frame frame;

	/* Who is told to come back later gives its place to others. */
	if (io_is_stopping(conn->io) ||
		(out->status == 503 && out->retry_after_s > 0))
		conn->is_last = true;
	frame = frame_of(conn);
	(void)buf_reserve(&conn->out, out->body.len + FIELDS_ROOM);
	(void)reply_out_add(&conn->out, out, &frame);
}

/* The ticket is back: its answer goes out, its memory goes back. */
static bool
finish(struct conn *conn, struct ticket *ticket)
{
	add_answer(conn, &ticket->req->out);
	conn->parser.body = ticket->body;
	buf_init(&ticket->body, 0);
	ticket_free(&ticket);
	return send_out(conn);
}

/* Into the pipeline. False where the connection is gone. */
static bool
submit(struct conn *conn)
{
	struct io *io = conn->io;
	struct ticket *ticket = make_ticket(conn);

	if (ticket == NULL)
		return refuse(conn, HTTP_FAULT_MEMORY);
	io_set_phase(io, conn, CONN_WORK);
	io->outstanding++;
	io->submitting = ticket;
	io->is_done_inline = false;
	pipeline_submit(ticket->req);
	io->submitting = NULL;
	if (!io->is_done_inline)
		return true;
	io->outstanding--;
	return finish(conn, ticket);
}

/* The whole request is here. False where the connection is gone. */
static bool
take_request(struct conn *conn)
{
	conn->is_last = conn->parser.close || io_is_stopping(conn->io);
	if (answers_itself(conn)) {
		req_free(&conn->req);
		return send_out(conn);
	}
	return submit(conn);
}

static void
send_continue(struct conn *conn)
{
	(void)buf_add_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* How large a body is let in: little, before a token is known to be good. */
static size_t
body_cap(const struct conn *conn, const struct req *req)
{
	const struct http_parser *parser = &conn->parser;
	struct server *server = conn->io->server;
	/* Few are that large; only they are worth a look into the store. */
	bool is_large =
		parser->chunked || parser->left > PIPELINE_ANONYMOUS_BODY;
	bool is_known =
		is_large && pipeline_knows_token(server, req->token_text);

	return pipeline_body_cap(server, req->method, req->path, is_known,
		conn->endpoint->body_max);
}

/* Who the peer is by TLS. False: no memory. */
static bool
take_certs(const struct conn *conn, struct req *req)
{
	req->is_tls = conn->transport.tls != NULL;
	req->client_serial =
		transport_peer_serial(&conn->transport, req->arena);
	return req->client_serial != NULL &&
		transport_peer_certs(&conn->transport, req->arena,
			req->client_certs, REQ_CERTS_MAX,
			&req->n_client_certs) == 0;
}

/* The head is whole: path, token, and how much body may follow. */
static enum http_step
take_head(struct conn *conn)
{
	struct io *io = conn->io;
	struct req *req = req_new(io->server);
	size_t cap = conn->endpoint->body_max;
	enum http_step step;

	conn->req = req;
	conn->location = NULL;
	conn->verdict = HTTP_PATH_MEMORY;
	if (req != NULL)
		conn->verdict = request_fill(req, &conn->parser, conn->endpoint,
			&conn->peer, &conn->location);
	if (conn->verdict == HTTP_PATH_OK && !take_certs(conn, req))
		conn->verdict = HTTP_PATH_MEMORY;
	if (conn->verdict == HTTP_PATH_OK && conn->parser.method != HTTP_OTHER)
		cap = body_cap(conn, req);
	else if (cap > REFUSED_BODY_MAX)
		cap = REFUSED_BODY_MAX;
	step = http_parser_accept_body(&conn->parser, cap);
	if (step != HTTP_STEP_MORE)
		return step;
	io_set_phase(io, conn, CONN_BODY);
	if (conn->parser.expect_continue)
		send_continue(conn);
	return step;
}

/* Act on what the parser found. False where the connection is gone. */
static bool
act(struct conn *conn, enum http_step step)
{
	if (step == HTTP_STEP_HEAD)
		step = take_head(conn);
	if (step == HTTP_STEP_DONE)
		return take_request(conn);
	if (step == HTTP_STEP_FAILED)
		return refuse(conn, conn->parser.fault);
	return conn->out.len == 0 || flush(conn);
}

/* Parse as long as a request wants bytes; keep the rest for later. */
static bool
take_input(struct conn *conn, struct span in)
{
	while (in.len > 0 && wants_input(conn)) {
		size_t used = 0;
		enum http_step step;

		if (conn->phase == CONN_IDLE)
			io_set_phase(conn->io, conn, CONN_HEAD);
		step = http_parser_feed(&conn->parser, in, &used);
		in = span_skip(in, used);
		if (!act(conn, step))
			return false;
	}
	if (in.len == 0 || conn->is_last)
		return true;
	if (buf_add_span(&conn->rest, in) == 0)
		return true;
	conn_close(conn);
	return false;
}

/* Input that came behind an earlier request. */
static bool
take_rest(struct conn *conn)
{
	struct buf rest = conn->rest;
	bool is_open;

	if (rest.len == 0)
		return true;
	buf_init(&conn->rest, REST_MAX);
	is_open = take_input(conn, buf_span(&rest));
	buf_clear(&rest);
	return is_open;
}

/* One read. 0: go on; ERR_BUSY: no more now; ERR_ABSENT: gone. */
static int
read_some(struct conn *conn)
{
	struct io *io = conn->io;
	size_t n = 0;
	int rc = transport_read(
		&conn->transport, io->read_buf, sizeof(io->read_buf), &n);
	bool is_open;

	if (rc == ERR_BUSY) {
		if (conn->transport.wants_write)
			(void)event_add(&conn->writable, NULL);
		return ERR_BUSY;
	}
	if (rc != 0) {
		conn_close(conn);
		return ERR_ABSENT;
	}
	is_open = take_input(conn, span_of(io->read_buf, n));
	secret_wipe(io->read_buf, n);
	if (!is_open)
		return ERR_ABSENT;
	return n == sizeof(io->read_buf) ||
			transport_has_pending(&conn->transport)
		? 0
		: ERR_BUSY;
}

/* Drop what a refused peer still sends, until it ends or time is up. */
static void
drain(struct conn *conn)
{
	struct io *io = conn->io;
	size_t n = 0;
	int rc = transport_read(
		&conn->transport, io->read_buf, sizeof(io->read_buf), &n);

	if (rc != 0 && rc != ERR_BUSY)
		conn_close(conn);
	else
		secret_wipe(io->read_buf, n);
}

/* Go on as far as the bytes at hand allow. May free conn. */
static void
pump(struct conn *conn)
{
	int rc = 0;

	while (wants_input(conn) && conn->rest.len > 0)
		if (!take_rest(conn))
			return;
	while (rc == 0 && wants_input(conn) &&
		(!conn->is_reading ||
			transport_has_pending(&conn->transport))) {
		arm_reading(conn);
		rc = read_some(conn);
		if (rc == ERR_ABSENT)
			return;
		while (wants_input(conn) && conn->rest.len > 0)
			if (!take_rest(conn))
				return;
	}
}

/* As the peer answers it, so that people find the words. */
static void
refuse_clear_text(struct conn *conn)
{
	conn->is_last = true;
	conn->is_refused = true;
	(void)buf_add_str(&conn->out,
		"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\n"
		"Client sent an HTTP request to an HTTPS server.\n");
	(void)send_out(conn);
}

static void
shake_hands(struct conn *conn)
{
	int rc = transport_handshake(&conn->transport);

	if (rc == ERR_BUSY && conn->transport.wants_write)
		(void)event_add(&conn->writable, NULL);
	if (rc == ERR_BUSY)
		return;
	if (rc == ERR_INPUT) {
		refuse_clear_text(conn);
		return;
	}
	if (rc != 0) {
		conn_close(conn);
		return;
	}
	io_set_phase(conn->io, conn, CONN_IDLE);
	if (transport_has_pending(&conn->transport))
		pump(conn);
}

/* Bytes or an end that nobody wants yet; a reset is wanted at once. */
static void
put_off_reading(struct conn *conn)
{
	if (transport_is_broken(&conn->transport))
		conn_close(conn);
	else
		disarm_reading(conn);
}

static void
on_readable(evutil_socket_t fd UNUSED, short what UNUSED, void *ctx)
{
	struct conn *conn = ctx;
	int rc = 0;

	if (conn->phase == CONN_HANDSHAKE)
		shake_hands(conn);
	else if (conn->phase == CONN_LINGER)
		drain(conn);
	else if (!wants_input(conn))
		put_off_reading(conn);
	else {
		while (rc == 0 && wants_input(conn))
			rc = read_some(conn);
		if (rc != ERR_ABSENT)
			pump(conn);
	}
}

static void
on_writable(evutil_socket_t fd UNUSED, short what UNUSED, void *ctx)
{
	struct conn *conn = ctx;

	if (conn->phase == CONN_HANDSHAKE) {
		shake_hands(conn);
		return;
	}
	if (conn->out_at < conn->out.len && !flush(conn))
		return;
	if (wants_input(conn) && conn->transport.wants_write)
		on_readable(fd, what, ctx);
	else
		pump(conn);
}

void
conn_finish(struct conn *conn, struct ticket *ticket)
{
	if (finish(conn, ticket))
		pump(conn);
}

void
conn_expire(struct conn *conn)
{
	if (conn->phase == CONN_HEAD || conn->phase == CONN_BODY)
		(void)refuse(conn, HTTP_FAULT_TIMEOUT);
	else
		conn_close(conn);
}

void
conn_stop(struct conn *conn)
{
	conn->is_last = true;
	if (conn->phase == CONN_HEAD || conn->phase == CONN_BODY)
		(void)refuse(conn, HTTP_FAULT_OVERLOADED);
	else if (conn->phase == CONN_IDLE || conn->phase == CONN_HANDSHAKE)
		conn_close(conn);
}

static int
open_transport(struct conn *conn, int fd)
{
	SSL_CTX *tls = endpoint_hold_tls(conn->endpoint);
	int on = 1, rc;

	if (!conn->endpoint->is_unix)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	rc = transport_open(&conn->transport, fd, tls);
	SSL_CTX_free(tls);
	return rc;
}

/* On failure the socket is closed. */
static struct conn *
new_conn(struct io *io, const struct arrival *arrival)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		(void)close(arrival->fd);
		return NULL;
	}
	conn->io = io;
	conn->endpoint = arrival->endpoint;
	conn->peer = arrival->peer;
	conn->phase = CONN_PHASE_COUNT;
	http_parser_init(&conn->parser);
	buf_init(&conn->rest, REST_MAX);
	buf_init(&conn->out, OUT_MAX);
	if (open_transport(conn, arrival->fd) == 0 &&
		io_add_conn(io, conn) == 0)
		return conn;
	transport_close(&conn->transport);
	free(conn);
	return NULL;
}

void
conn_start(struct io *io, const struct arrival *arrival)
{
	struct conn *conn = new_conn(io, arrival);
	int fd;

	if (conn == NULL) {
		atomic_fetch_sub(io->n_conns, 1);
		return;
	}
	fd = conn->transport.fd;
	(void)event_assign(&conn->readable, io->base, fd, EV_READ | EV_PERSIST,
		on_readable, conn);
	(void)event_assign(
		&conn->writable, io->base, fd, EV_WRITE, on_writable, conn);
	io_set_phase(io, conn,
		conn->transport.tls != NULL ? CONN_HANDSHAKE : CONN_IDLE);
	arm_reading(conn);
	if (io_is_stopping(io))
		conn_close(conn);
	else
		on_readable(fd, EV_READ, conn); /* mostly here already */
}
