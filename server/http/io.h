/*
 * One I/O thread: an event base, its connections, their deadlines, and the
 * inbox through which new sockets and finished requests come in from other
 * threads. Everything but io_adopt, io_post, io_shed and io_stop belongs to
 * the thread itself.
 */
#ifndef SALLYPORT_SERVER_HTTP_IO_H
#define SALLYPORT_SERVER_HTTP_IO_H

#include <stdatomic.h>

#include "lib/buf.h"
#include "lib/lock.h"
#include "lib/netaddr.h"
#include "server/http/reply_out.h"

struct conn;
struct endpoint;
struct event;
struct event_base;
struct io;
struct req;

/* Where a connection stands; each phase has its own total deadline. */
enum conn_phase {
	CONN_HANDSHAKE,
	CONN_IDLE,
	CONN_HEAD,
	CONN_BODY,
	CONN_WORK,
	CONN_WRITE,
	CONN_LINGER,
	CONN_PHASE_COUNT
};

/* Connections of one phase, the one that is due first at the front. */
struct conn_list {
	struct conn *first, *last;
};

/* A socket on its way from the accepter. */
struct arrival {
	struct arrival *next;
	struct endpoint *endpoint;
	struct netaddr peer;
	int fd;
};

/*
 * A request in the pipeline's hands. It names its connection by thread, slot
 * and generation, so that an answer for one that closed meanwhile is dropped.
 */
struct ticket {
	struct ticket *next;
	struct io *io;
	struct req *req;
	struct buf body; /* the request's bytes; req->body points here */
	uint32_t slot, generation;
};

#define IO_READ_MAX 16384

extern struct guard io_guard;

struct io {
	struct server *server;
	_Atomic size_t *n_conns;     /* of all threads: the accepter's cap */
	_Atomic int64_t idle_due_ns; /* of the longest idle; INT64_MAX: none */
	struct event_base *base;
	struct event *wake, *tick;
	pthread_t thread;

	struct conn **slots;
	uint32_t *generations;
	uint32_t n_slots, n_used;
	struct conn_list phases[CONN_PHASE_COUNT];
	struct ticket *submitting; /* in pipeline_submit just now … */
	bool is_done_inline;       /* … and already answered */
	size_t outstanding;        /* tickets in the pipeline */
	int64_t stop_ns;           /* when a graceful stop ends; 0: none */
	int64_t date_s;            /* what date was made for */
	char date[REPLY_DATE_MAX];
	uint8_t read_buf[IO_READ_MAX]; /* wiped after each use */

	int wake_fd; /* readable: there is something below */
	pthread_mutex_t lock;
	struct arrival *arrivals GUARDED_BY(io_guard);
	struct arrival **arrivals_end GUARDED_BY(io_guard);
	struct ticket *done GUARDED_BY(io_guard);
	struct ticket **done_end GUARDED_BY(io_guard);
	bool woken GUARDED_BY(io_guard);
	size_t shed GUARDED_BY(io_guard);      /* idle connections to close */
	int64_t grace_ms GUARDED_BY(io_guard); /* -1: run on */
	bool closed GUARDED_BY(io_guard);      /* the thread has ended */
};

/* The thread runs when this returns. */
int io_start(struct server *server, _Atomic size_t *n_conns, struct io **ret_io,
	struct err *err);

/*
 * End the thread: finish answers in flight within grace_ms, refuse the rest.
 * io_stop asks, io_join waits. Tickets still out free what is left of io.
 */
void io_stop(struct io *io, int64_t grace_ms);
void io_join(struct io **io);

/* Hand a connected socket over, counted in *n_conns. Any thread. */
void io_adopt(struct io *io, int fd, struct endpoint *endpoint,
	const struct netaddr *peer);

/* A request is answered. Any thread; perhaps inside pipeline_submit. */
void io_post(struct ticket *ticket);

/* Close the connection that is idle for longest. Any thread. */
void io_shed(struct io *io);

/* The text of the Date field, made once a second. */
const char *io_date(struct io *io);

/* Put conn under a phase's deadline, or (CONN_PHASE_COUNT) under none. */
void io_set_phase(struct io *io, struct conn *conn, enum conn_phase phase);

/* Give conn a slot. ERR_MEMORY. */
int io_add_conn(struct io *io, struct conn *conn);
void io_remove_conn(struct io *io, struct conn *conn);

/* No more requests are taken on this thread. */
bool io_is_stopping(const struct io *io);

void ticket_free(struct ticket **ticket);

#endif
