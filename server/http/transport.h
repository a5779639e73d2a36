/*
 * Bytes of one connection, plain or TLS, without blocking. Reads go into the
 * caller's memory, which the caller wipes; nothing is buffered here.
 */
#ifndef SALLYPORT_SERVER_HTTP_TRANSPORT_H
#define SALLYPORT_SERVER_HTTP_TRANSPORT_H

#include "lib/arena.h"
#include "lib/err.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

struct transport {
	int fd;
	SSL *tls;         /* NULL: plain */
	bool wants_write; /* ERR_BUSY came from TLS that must write first */
	bool failed;      /* no farewell is possible */
};

/* Take a non-blocking socket over; tls NULL: plain. ERR_MEMORY. */
int transport_open(struct transport *transport, int fd, SSL_CTX *tls);

/* Say farewell where TLS can, close. */
void transport_close(struct transport *transport);

/*
 * 0: done; ERR_BUSY: later; ERR_ABSENT: the peer has closed (reads only);
 * ERR_PEER: broken, only transport_close is left. Written bytes may be fewer
 * than asked. ERR_INPUT: the handshake got HTTP in clear; the transport is
 * plain from then on, for an answer that says so.
 */
int transport_handshake(struct transport *transport);
int transport_read(
	struct transport *transport, void *data, size_t size, size_t *ret_len);
int transport_write(struct transport *transport, const void *data, size_t size,
	size_t *ret_len);

/*
 * The peer's certificate, of which it has shown that it holds the key, and what
 * it sent with it, as DER in arena; cap at most, the rest is left out.
 * ERR_MEMORY.
 */
int transport_peer_certs(const struct transport *transport, struct arena *arena,
	struct span *ret_certs, size_t cap, size_t *ret_n);

/* The serial number of the peer's certificate, "" without one; NULL: no memory.
 */
const char *transport_peer_serial(
	const struct transport *transport, struct arena *arena);

/* Bytes wait inside TLS that no event will announce. */
bool transport_has_pending(const struct transport *transport);

/* The peer has reset the connection: nobody waits for an answer. */
bool transport_is_broken(const struct transport *transport);

/* No more will be written; the peer may still send. */
void transport_end_writing(struct transport *transport);

#endif
