/*
 * Listeners, the accepter and the I/O threads (design.md 3). HTTP in and out;
 * what a request means is the pipeline's business.
 */
#ifndef SALLYPORT_SERVER_HTTP_LISTENER_H
#define SALLYPORT_SERVER_HTTP_LISTENER_H

#include "server/core/server.h"

struct listener;

/*
 * Bind every listener of the settings and start the threads. Errors name the
 * address or file. A Unix socket is made with its mode; a stale one replaced.
 */
int listener_start(
	struct server *server, struct listener **ret_listener, struct err *err);

/* Read certificates again; the old ones stay where the new are bad. */
int listener_reload_tls(struct listener *listener, struct err *err);

/*
 * Stop accepting, finish answers in flight (at most grace_ms), refuse the
 * rest, close, end the threads.
 */
void listener_stop(struct listener **listener, int64_t grace_ms);

/* The port that listener i is bound to (for address ":0"); 0 for Unix. */
int listener_port(const struct listener *listener, size_t i);

#endif
