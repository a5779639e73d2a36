/*
 * One connection, from its accepted socket to its close. It belongs to one
 * I/O thread; one request of it is in work at a time, and bytes that come
 * meanwhile stay unread (reliability.md L34).
 */
#ifndef SALLYPORT_SERVER_HTTP_CONN_H
#define SALLYPORT_SERVER_HTTP_CONN_H

#include <event2/event_struct.h>

#include "server/http/io.h"
#include "server/http/parser.h"
#include "server/http/path.h"
#include "server/http/transport.h"

struct conn {
	struct conn *prev, *next; /* in its phase's list */
	enum conn_phase phase;
	int64_t due_ns;
	uint32_t slot, generation;

	struct io *io;
	struct endpoint *endpoint;
	struct netaddr peer;
	struct transport transport;
	struct event readable, writable;
	bool is_reading; /* the readable event is armed */
	bool is_last;    /* close when the present answer is out */
	bool is_refused; /* … with unread input: linger, so that it arrives */

	struct http_parser parser;
	struct buf rest; /* read, but behind the present request */
	struct req *req; /* being filled, until it goes to the pipeline */
	enum http_path_verdict verdict; /* on req's path */
	const char *location;           /* HTTP_PATH_EMPTY; in req's arena */
	struct buf out;                 /* the answer on its way */
	size_t out_at;                  /* how much of it is sent */
};

/* Begin with an accepted socket, which it owns from here on. */
void conn_start(struct io *io, const struct arrival *arrival);

/* Close at once; what is in the pipeline is dropped when it comes back. */
void conn_close(struct conn *conn);

/* Its ticket came back: send the answer. Takes the ticket. */
void conn_finish(struct conn *conn, struct ticket *ticket);

/* The deadline of its phase has passed: 408 or close. May free it. */
void conn_expire(struct conn *conn);

/* The server stops: idle ones close, those still sending are refused. */
void conn_stop(struct conn *conn);

#endif
