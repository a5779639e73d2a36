/*
 * The one canonical path of a request. What is decoded and checked here is
 * what routing, policies, handlers and the audit log see (reliability.md L01);
 * nobody behind this decodes or cleans again.
 */
#ifndef SALLYPORT_SERVER_HTTP_PATH_H
#define SALLYPORT_SERVER_HTTP_PATH_H

#include "lib/arena.h"
#include "lib/span.h"
#include "server/api/req.h"

#define HTTP_PARAMS_MAX 64 /* of the query; more is BAD */

enum http_path_verdict {
	HTTP_PATH_OK,
	HTTP_PATH_BAD,     /* 400 with an empty body */
	HTTP_PATH_PARENT,  /* 400 "path cannot contain parent references" */
	HTTP_PATH_EMPTY,   /* GET: 301 to location; else 400 "… empty …" */
	HTTP_PATH_OUTSIDE, /* not below /v1/: 404 without a text */
	HTTP_PATH_MEMORY   /* 500 */
};

struct http_path {
	const char *path; /* below /v1/, decoded; "" for /v1/ itself */
	const struct req_pair *query; /* decoded, in order */
	size_t n_query;
	const char *location; /* HTTP_PATH_EMPTY: the cleaned target */
};

/*
 * Take a request target (from "/" on, or "*") apart. All strings live in the
 * arena and hold no NUL, control byte or bad UTF-8 (query values may hold
 * controls other than NUL). On HTTP_PATH_EMPTY only location is set.
 */
enum http_path_verdict http_path_parse(
	struct span target, struct arena *arena, struct http_path *ret_path);

/* The fixed text of a verdict; "" where the answer has no text. */
const char *http_path_text(enum http_path_verdict verdict);

#endif
