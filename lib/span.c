/* Views of bytes; nothing here allocates or writes. */
#include "lib/span.h"

#include <string.h>

bool
str_join(char *out, size_t cap, const char *const *strs, size_t n)
{
	size_t len = 0, i;

	for (i = 0; i < n; i++)
		len += strlen(strs[i]);
	if (len >= cap)
		return false;
	for (i = 0; i < n; i++)
		out = stpcpy(out, strs[i]);
	*out = '\0';
	return true;
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
span_take_word(struct span *rest)
{
	struct span word;
	size_t len = 0;

	while (rest->len > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t'))
		*rest = span_skip(*rest, 1);
	while (len < rest->len && rest->data[len] != ' ' &&
		rest->data[len] != '\t')
		len++;
	word = span_of(rest->data, len);
	*rest = span_skip(*rest, len);
	return word;
}

static bool
is_blank(uint8_t c)
{
	return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

struct span
span_trim(struct span text)
{
	while (text.len > 0 && is_blank(text.data[0]))
		text = span_skip(text, 1);
	while (text.len > 0 && is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

bool
span_take_line(struct span *rest, struct span *ret_line)
{
	const uint8_t *end;

	if (rest->len == 0)
		return false;
	*ret_line = *rest;
	end = memchr(rest->data, '\n', rest->len);
	if (end != NULL)
		ret_line->len = (size_t)(end - rest->data);
	*rest = span_skip(*rest, ret_line->len + (end != NULL));
	return true;
}

bool
span_has_line(struct span text, const char *line)
{
	const struct span wanted = span_str(line);
	const uint8_t *end;

	while (text.len > 0 &&
		(end = memchr(text.data, '\n', text.len)) != NULL) {
		struct span found =
			span_of(text.data, (size_t)(end - text.data));

		text = span_skip(text, found.len + 1);
		if (found.len > 0 && found.data[found.len - 1] == '\r')
			found.len--;
		if (span_equal(found, wanted))
			return true;
	}
	return false;
}

size_t
span_utf8_len(struct span text)
{
	/* By first byte: the length, and the bounds of the second byte. */
	static const struct {
		uint8_t first, last, len, low, high;
	} forms[] = {
		{ 0x00, 0x7f, 1, 0, 0 },
		{ 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
		{ 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f },
		{ 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf },
		{ 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};

	const uint8_t *at = text.data;
	size_t form = 0, i;

	if (text.len == 0)
		return 0;
	while (form < ARRAY_LEN(forms) && at[0] > forms[form].last)
		form++;
	if (form == ARRAY_LEN(forms) || at[0] < forms[form].first ||
		forms[form].len > text.len)
		return 0;
	for (i = 1; i < forms[form].len; i++) {
		uint8_t low = i == 1 ? forms[form].low : 0x80;
		uint8_t high = i == 1 ? forms[form].high : 0xbf;

		if (at[i] < low || at[i] > high)
			return 0;
	}
	return forms[form].len;
}
