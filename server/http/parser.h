/*
 * A strict incremental HTTP/1.1 request parser over plain bytes (RFC 9112,
 * narrowed as reliability.md L70 and section 6 say). The caller feeds what it
 * read; the parser consumes a head, stops so that the caller may choose the
 * body's cap, then consumes the body. It knows of no sockets and no paths.
 */
#ifndef SALLYPORT_SERVER_HTTP_PARSER_H
#define SALLYPORT_SERVER_HTTP_PARSER_H

#include "lib/buf.h"
#include "lib/span.h"

#define HTTP_LINE_MAX 8192  /* request line without its CRLF; else 414 */
#define HTTP_HEAD_MAX 16384 /* whole head with all CRLFs; else 431 */
#define HTTP_FIELDS_MAX 64  /* header lines; else 431 */
#define HTTP_TOKEN_MAX 4096 /* bytes of a token header's value; else 431 */

/* What a client may send; internal operations have no method (L12). */
enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_LIST,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_HELP,
	HTTP_OTHER /* a well-formed method that we do not know: 405 */
};

/* Why a connection gets an answer without a request behind it. */
enum http_fault {
	HTTP_FAULT_NONE,
	HTTP_FAULT_MALFORMED,
	HTTP_FAULT_LINE_SIZE,
	HTTP_FAULT_HEAD_SIZE,
	HTTP_FAULT_BODY_SIZE,
	HTTP_FAULT_VERSION,
	HTTP_FAULT_EXPECT,
	HTTP_FAULT_TIMEOUT,
	HTTP_FAULT_OVERLOADED,
	HTTP_FAULT_MEMORY
};

enum http_step {
	HTTP_STEP_MORE,  /* all input consumed; feed more */
	HTTP_STEP_HEAD,  /* the head is whole; call http_parser_accept_body */
	HTTP_STEP_DONE,  /* the request is whole; later bytes not consumed */
	HTTP_STEP_FAILED /* see fault; nothing more will be consumed */
};

enum http_state {
	HTTP_ST_LINE,
	HTTP_ST_FIELDS,
	HTTP_ST_HEAD,
	HTTP_ST_BODY,
	HTTP_ST_SIZE,
	HTTP_ST_SIZE_LF,
	HTTP_ST_CHUNK,
	HTTP_ST_CHUNK_CR,
	HTTP_ST_CHUNK_LF,
	HTTP_ST_LAST_CR,
	HTTP_ST_LAST_LF,
	HTTP_ST_DONE,
	HTTP_ST_FAILED
};

/* Offsets into the head, which may move while it grows. */
struct http_piece {
	uint16_t at;
	uint16_t len;
};

struct http_field {
	struct http_piece name; /* lower case */
	struct http_piece value;
};

/*
 * Members up to "chunked" may be read once the head is whole; use the
 * functions below for target, fields and body.
 */
struct http_parser {
	enum http_method method;
	enum http_fault fault;
	bool http10;          /* HTTP/1.0: serve, then close */
	bool close;           /* the client asked for it, or HTTP/1.0 */
	bool expect_continue; /* 100 Continue is waited for */
	bool has_length;      /* Content-Length was given */
	bool chunked;

	enum http_state state;
	bool saw_cr;
	bool bad_expect;
	uint32_t seen;     /* bits of the fields that may come once */
	uint64_t left;     /* of the body or chunk */
	size_t line_at;    /* where the present line starts in head */
	size_t head_bytes; /* consumed for the head, CRLFs included */
	unsigned n_digits; /* of the chunk size */
	struct http_piece target;
	size_t n_fields;
	struct http_field fields[HTTP_FIELDS_MAX];
	struct buf head; /* wiped on reset; NUL after each name and value */
	struct buf body; /* wiped on reset */
};

/* A parser at the start of a request. End it with http_parser_clear. */
void http_parser_init(struct http_parser *parser);

/* Wipe and free what it holds. */
void http_parser_clear(struct http_parser *parser);

/* Wipe it and stand at the start of the next request. */
void http_parser_reset(struct http_parser *parser);

/*
 * Consume bytes; *ret_used says how many. The result does not depend on how
 * the bytes are cut into calls.
 */
enum http_step http_parser_feed(
	struct http_parser *parser, struct span in, size_t *ret_used);

/*
 * After HTTP_STEP_HEAD: a body of at most body_max bytes may follow. DONE
 * where there is none, MORE, or FAILED where it is announced to be larger.
 */
enum http_step http_parser_accept_body(
	struct http_parser *parser, size_t body_max);

/* The target as sent, with its query, from "/" on (or "*"). */
struct span http_parser_target(const struct http_parser *parser);

/* The first field of this lower-case name; data NULL where absent. */
struct span http_parser_find(
	const struct http_parser *parser, const char *name);

/* Overwrite all values of this name (reliability.md L23). */
void http_parser_scrub(struct http_parser *parser, const char *name);

/*
 * All that was read, for tests and fuzz targets that compare it: the service
 * asks for fields by name, and a request takes the buffer of the body with it.
 * Field i, i < n_fields, in two parts, each followed by a NUL; the body's
 * bytes; whether nothing of a request has come yet.
 */
struct span http_parser_name(const struct http_parser *parser, size_t i);
struct span http_parser_value(const struct http_parser *parser, size_t i);
struct span http_parser_body(const struct http_parser *parser);
bool http_parser_is_idle(const struct http_parser *parser);

/* Status and fixed text of a fault (reliability.md section 6). */
int http_fault_status(enum http_fault fault);
const char *http_fault_text(enum http_fault fault);

/* The method as sent on the wire; "" for HTTP_OTHER. */
const char *http_method_name(enum http_method method);

#endif
