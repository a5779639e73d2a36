/*
 * Where one device's chain of lines stands (lib/auditline.h), and what its
 * next line must say first: docs/audit-format.md, section Start lines. Used
 * by the one thread of the device that writes.
 */
#ifndef SALLYPORT_AUDIT_CHAIN_H
#define SALLYPORT_AUDIT_CHAIN_H

#include "audit/sink_file.h"
#include "lib/auditline.h"

struct chain {
	struct auditline_head head; /* of the last line written */
	const char *reason; /* a start line is due and says this; or NULL */
	bool newline;       /* what is out ends within a line */
	bool torn; /* … or with bytes that are no line of the chain */
};

/*
 * Look at the end of a file just opened: go on from the last line there that
 * follows, line by line, from what the chain knows. rotated: the service has
 * started, and what it knows may be behind; if the file does not lead there,
 * the files that it was rotated into may. Unless chain and file are new a
 * start line is due afterwards, with reason where none was due already.
 */
int chain_resume(struct chain *chain, const struct sink_file *sink,
	bool rotated, const char *reason, struct err *err);

/* Add what is due before the next line; *ret_added tells of a start line. */
int chain_begin(struct chain *chain, const char *device, int64_t time_ns,
	uint64_t missed, struct buf *out, bool *ret_added, struct err *err);

/* The body of the line that ends a device's work. */
void chain_render_end(const char *device, int64_t time_ns, struct buf *body);

/*
 * Only the front part of what was composed since chain was a copy of before
 * went out: the chain stands behind that part.
 */
void chain_rewind(
	struct chain *chain, const struct chain *before, struct span written);

#endif
