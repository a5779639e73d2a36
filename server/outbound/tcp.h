/* A TCP connection to another server, made over libcurl; outbound's own. */
#ifndef SALLYPORT_SERVER_OUTBOUND_TCP_H
#define SALLYPORT_SERVER_OUTBOUND_TCP_H

#include "lib/err.h"
#include "server/outbound/halt.h"

struct tcp {
	void *curl; /* owns the socket */
	int fd;
};

/* A point in time left_ms from now, and what is left until it (0: passed). */
int64_t tcp_deadline(int64_t left_ms);
int tcp_left_ms(int64_t deadline_ns);

/* "" or an address. ERR_INPUT (400). */
int tcp_check_source(const char *source, struct err *err);

/*
 * Connect to a name or an address (IPv6 with a zone too), from the address
 * source ("": any), with keepalives. ERR_INPUT (400) for words that name no
 * host; ERR_TIMEOUT or ERR_PEER (502) with why.
 */
int tcp_connect(const char *host, int64_t port, const char *source,
	int64_t deadline_ns, const struct halt *halt, struct tcp *ret_tcp,
	struct err *err);
void tcp_close(struct tcp *tcp);

#endif
