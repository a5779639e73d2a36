/*
 * An answer as bytes: status line, fields, exact length, body. Every answer
 * says Cache-Control: no-store and, but for one kind, has a content type.
 */
#ifndef SALLYPORT_SERVER_HTTP_REPLY_OUT_H
#define SALLYPORT_SERVER_HTTP_REPLY_OUT_H

#include "lib/buf.h"
#include "server/http/parser.h"

struct req_out;

/* How an answer leaves, beside what it says. */
struct reply_frame {
	const char *date; /* the Date field's text, or NULL: none */
	bool is_head;     /* HEAD: length without a body */
	bool close;       /* this is the connection's last answer */
};

/* What the pipeline answered. A JSON body gets its newline here. */
int reply_out_add(struct buf *buf, const struct req_out *out,
	const struct reply_frame *frame);

/* A fault of the connection: {"errors":["…"]}. Closing is up to the frame. */
int reply_out_add_fault(struct buf *buf, enum http_fault fault,
	const struct reply_frame *frame);

/* {"errors":[text]}; text "" gives an empty list. location NULL: none. */
int reply_out_add_error(struct buf *buf, int status, const char *text,
	const char *location, const struct reply_frame *frame);

/* A status with no body and neither content type nor cache fields. */
int reply_out_add_bare(
	struct buf *buf, int status, const struct reply_frame *frame);

/* Room for a text of the Date field. */
#define REPLY_DATE_MAX 80

/* "Sat, 21 Nov 2026 10:00:00 GMT" of seconds since 1970. */
void reply_out_format_date(int64_t now_s, char out[REPLY_DATE_MAX]);

#endif
