/*
 * A rendered line on its way through a device, and the lists that lines stand
 * in. No locks: the owner of a list sees to that.
 */
#ifndef SALLYPORT_AUDIT_LINE_H
#define SALLYPORT_AUDIT_LINE_H

#include <stdatomic.h>

#include "audit/ticket.h"
#include "lib/buf.h"

#define LINE_BODY_MAX ((size_t)96 << 20)

struct line {
	struct line *next;
	_Atomic(struct audit_ticket *)
		ticket; /* NULL: none, or it was finished */
	struct buf body;
	bool sync;   /* the ticket waits for a sync */
	bool joined; /* to the next line: both in one batch */
	int64_t queued_ns;
};

struct lines {
	struct line *first, *last; /* NULL: empty */
	size_t n;
};

/* An empty line; NULL: no memory. */
struct line *line_new(void);

/* Finish the line's ticket unless somebody did. No lock may be held. */
void line_finish(struct line *line, bool ok);

/* All lines from this one on; NULL is fine. */
void line_free_all(struct line *line);

/* When the oldest line came whose ticket still waits; INT64_MAX: none. */
int64_t line_waiting_since_ns(const struct line *line);

/* Put more behind lines; more is empty then. */
void lines_join(struct lines *lines, struct lines *more);

/* Move the front of from behind lines, until that holds bytes_max or more. */
void lines_take(struct lines *lines, struct lines *from, size_t bytes_max);

#endif
