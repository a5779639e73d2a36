/*
 * The step that readers of binary forms share. A reader holds the bytes that
 * are left (rest) and whether any read went past their end (bad); once it is
 * bad it gives nothing and zeros, so that a run of reads may be checked once.
 * Inline: the decoding of every stored record goes through here.
 */
#ifndef SALLYPORT_LIB_CURSOR_H
#define SALLYPORT_LIB_CURSOR_H

#include "lib/span.h"

/* The next len bytes; an empty span, and bad, where they are not there. */
static inline struct span
cursor_take(struct span *rest, bool *bad, size_t len)
{
	const struct span taken = { rest->data, len };

	if (*bad || rest->len < len) {
		*bad = true;
		return SPAN_NONE;
	}
	*rest = span_skip(*rest, len);
	return taken;
}

/* The next len bytes (at most 8) as a big-endian number; 0 where bad. */
static inline uint64_t
cursor_take_number(struct span *rest, bool *bad, size_t len)
{
	const struct span bytes = cursor_take(rest, bad, len);
	uint64_t n = 0;

	for (size_t i = 0; i < bytes.len; i++)
		n = n << 8 | bytes.data[i];
	return n;
}

#endif
