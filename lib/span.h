/* A read-only view of bytes owned by somebody else; never NUL-terminated. */
#ifndef SALLYPORT_LIB_SPAN_H
#define SALLYPORT_LIB_SPAN_H

#include <string.h>

#include "lib/base.h"

struct span {
	const uint8_t *data;
	size_t len;
};

#define SPAN_NONE ((struct span){ NULL, 0 })

/* A view of len bytes at data. */
static inline struct span
span_of(const void *data, size_t len)
{
	return (struct span){ data, len };
}

/* A view of a string's bytes, without its NUL. NULL gives an empty span. */
static inline struct span
span_str(const char *str)
{
	return str == NULL ? SPAN_NONE : span_of(str, strlen(str));
}

/*
 * n strings one behind the other and a NUL, in cap bytes at out. False, with
 * out untouched, where that is not room enough.
 */
bool str_join(char *out, size_t cap, const char *const *strs, size_t n);

/* Same length and same bytes. Not for secrets: see secret_equal. */
static inline bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len &&
		(a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* a starts with all of prefix. */
bool span_has_prefix(struct span a, struct span prefix);

/* memcmp order; a shorter span sorts before a longer one that it begins. */
int span_compare(struct span a, struct span b);

/* What is left behind the first n bytes (empty when n is past the end). */
static inline struct span
span_skip(struct span a, size_t n)
{
	if (n >= a.len)
		return SPAN_NONE;
	return span_of(a.data + n, a.len - n);
}

/*
 * The next word of *rest, which is moved behind it; words stand between spaces
 * and tabs. Empty: there was none.
 */
struct span span_take_word(struct span *rest);

/* Without the spaces, tabs and ends of lines around it. */
struct span span_trim(struct span text);

/*
 * The next line of *rest, without its end, which *rest is moved behind. False:
 * nothing was left.
 */
bool span_take_line(struct span *rest, struct span *ret_line);

/* Whether line, with LF or CR LF behind it, is one of text's. */
bool span_has_line(struct span text, const char *line);

/*
 * The length (1 to 4) of the UTF-8 sequence that text starts with; 0 where it
 * is empty or starts with none: overlong, surrogate, cut short (RFC 3629).
 */
size_t span_utf8_len(struct span text);

#endif
