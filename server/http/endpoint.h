/*
 * One listening socket, TCP or Unix, and the TLS context that its connections
 * get. The context may be replaced while connections come in.
 */
#ifndef SALLYPORT_SERVER_HTTP_ENDPOINT_H
#define SALLYPORT_SERVER_HTTP_ENDPOINT_H

#include <sys/types.h>

#include "lib/err.h"
#include "lib/lock.h"
#include "server/core/settings_table.h"

typedef struct ssl_ctx_st SSL_CTX;

extern struct guard endpoint_guard;

struct endpoint {
	const struct listener_settings *settings;
	int fd;
	bool is_unix;
	bool is_local; /* Unix, or bound to loopback */
	int port;      /* 0 for Unix */
	size_t body_max;
	ino_t socket_inode; /* Unix: ours to remove at the end */
	pthread_mutex_t lock;
	SSL_CTX *tls GUARDED_BY(endpoint_guard); /* NULL: plain */
};

/*
 * Bind, listen, load certificates. Errors name the address or file. Warns where
 * others than this host can reach it without TLS, or rekey without a token.
 */
int endpoint_open(struct endpoint *endpoint,
	const struct listener_settings *settings, int64_t request_size_max,
	struct err *err);

/* Stop listening; a Unix socket's file goes. Safe on a zeroed struct. */
void endpoint_close(struct endpoint *endpoint);

/* Read certificates again; on failure the old ones stay. */
int endpoint_reload_tls(struct endpoint *endpoint, struct err *err);

/* The present context, held (SSL_CTX_free); NULL: plain. */
SSL_CTX *endpoint_hold_tls(struct endpoint *endpoint);

#endif
