/* Views of bytes; nothing here allocates or writes. */
#include "lib/span.h"

#include <string.h>

struct span
span_str(const char *str)
{
	return str == NULL ? SPAN_NONE : span_of(str, strlen(str));
}

struct span
span_of(const void *data, size_t len)
{
	return (struct span){ data, len };
}

bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len &&
		(a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool
span_has_prefix(struct span a, struct span prefix)
{
	return a.len >= prefix.len &&
		span_equal(span_of(a.data, prefix.len), prefix);
}

int
span_compare(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

struct span
span_skip(struct span a, size_t n)
{
	if (n >= a.len)
		return SPAN_NONE;
	return span_of(a.data + n, a.len - n);
}
