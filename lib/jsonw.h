/* Value trees to JSON text, for replies, the audit log and stored records. */
#ifndef SALLYPORT_LIB_JSONW_H
#define SALLYPORT_LIB_JSONW_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/value.h"

/*
 * Compact JSON, members in tree order; bytes that are no UTF-8 become U+FFFD;
 * '<', '>', '&' stay. indent 0: one line; 2: as "json.MarshalIndent" with two
 * blanks. Failure shows in buf_check.
 */
void jsonw_value(struct buf *buf, const struct value *value, int indent);

/* The same on one line as bytes in arena. ERR_LIMIT past len_max. */
int jsonw_bytes(const struct value *value, size_t len_max, struct arena *arena,
	struct span *ret_bytes, struct err *err);

/* One JSON string with its quotes. */
void jsonw_string(struct buf *buf, struct span text);

#endif
