/*
 * Calls to other servers, made by nobody else (design.md 6). They cross
 * outbound_call as messages of bytes, so that outbound can become a process of
 * its own; the functions below are its callers' side. A call blocks until its
 * deadline at most: for workers, never for an I/O thread or a store function.
 */
#ifndef SALLYPORT_SERVER_OUTBOUND_OUTBOUND_H
#define SALLYPORT_SERVER_OUTBOUND_OUTBOUND_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/secret.h"

#define OUTBOUND_URL_MAX 2048
#define OUTBOUND_CA_MAX ((size_t)64 * 1024)
#define OUTBOUND_ANSWER_MAX ((size_t)1024 * 1024)
#define OUTBOUND_MESSAGE_MAX (2 * OUTBOUND_ANSWER_MAX)

/* Calls under way at once; more are refused, so that workers stay free. */
#define OUTBOUND_CALLS_MAX 16

struct outbound;

int outbound_new(struct outbound **ret_outbound, struct err *err);
void outbound_free(struct outbound **outbound);

/*
 * One message in, one out: op byte, then fields; the answer is a code byte (0
 * good), then fields, or a status and a text. ERR_BUSY, 503, where
 * OUTBOUND_CALLS_MAX are under way.
 */
int outbound_call(struct outbound *outbound, struct span in, struct buf *out,
	struct err *err);

struct outbound_request {
	const char *url;    /* https://…; http://… where allows_plain */
	const char *ca_pem; /* roots; "": the system's */
	struct secret_view bearer; /* of Authorization; len 0: none */
	struct span json;          /* to POST; data NULL: GET */
	size_t answer_max;         /* bytes; more is ERR_PEER */
	int64_t deadline_ms;       /* for all of it */
	bool allows_plain;         /* for development: http too */
};

struct outbound_answer {
	int status;
	struct span body; /* in the arena */
};

/*
 * 0 whenever the server answered, whatever its status. ERR_INPUT, 400, for a
 * URL or roots that cannot be used; ERR_PEER or ERR_TIMEOUT, 502, with why.
 */
int outbound_https(struct outbound *outbound,
	const struct outbound_request *request, struct arena *arena,
	struct outbound_answer *ret_answer, struct err *err);

#endif
