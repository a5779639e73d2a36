/*
 * Target to canonical path: cut off the query, decode escapes once, refuse
 * what could read differently to somebody else. Nothing is normalised: a path
 * is taken as it is or not at all.
 */
#include "server/http/path.h"

#include <string.h>

#define PREFIX "/v1/"

/*
 * Code points that no display shows (Unicode controls, formats, blanks but
 * U+0020, private use, not characters): the peer refuses what Go calls not
 * printable (spec/core-api.md 1.1).
 */
struct range {
	uint32_t first, last;
};

static const struct range hidden[] = {
	{ 0x00, 0x1f },
	{ 0x7f, 0xa0 },
	{ 0xad, 0xad },
	{ 0x600, 0x605 },
	{ 0x61c, 0x61c },
	{ 0x6dd, 0x6dd },
	{ 0x70f, 0x70f },
	{ 0x8e2, 0x8e2 },
	{ 0x1680, 0x1680 },
	{ 0x180e, 0x180e },
	{ 0x2000, 0x200f },
	{ 0x2028, 0x202f },
	{ 0x205f, 0x206f },
	{ 0x3000, 0x3000 },
	{ 0xd800, 0xf8ff },
	{ 0xfdd0, 0xfdef },
	{ 0xfeff, 0xfeff },
	{ 0xfff0, 0xfffb },
	{ 0xfffe, 0xffff },
	{ 0xe0000, 0x10ffff },
};

static const char *const texts[] = {
	[HTTP_PATH_OK] = "",
	[HTTP_PATH_BAD] = "",
	[HTTP_PATH_PARENT] = "path cannot contain parent references",
	[HTTP_PATH_EMPTY] = "path cannot contain empty segments",
	[HTTP_PATH_OUTSIDE] = "",
	[HTTP_PATH_MEMORY] = "internal error",
};

const char *
http_path_text(enum http_path_verdict verdict)
{
	return texts[verdict];
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* text starts with an escape ("%2F"): its byte, else -1. */
static int
escape_byte(struct span text)
{
	int high, low;

	if (text.len < 3 || text.data[0] != '%')
		return -1;
	high = hex_digit(text.data[1]);
	low = hex_digit(text.data[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/*
 * Decode each escape once, and "+" to a blank in a query. False where an
 * escape is broken or stands for NUL. out has room for text and a NUL.
 */
static bool
decode(struct span text, bool is_query, char *out)
{
	while (text.len > 0) {
		int c = text.data[0];

		if (c == '%')
			c = escape_byte(text);
		else if (c == '+' && is_query)
			c = ' ';
		if (c <= 0)
			return false;
		*out++ = (char)c;
		text = span_skip(text, text.data[0] == '%' ? 3 : 1);
	}
	*out = '\0';
	return true;
}

/*
 * The first code point of text and its length in bytes, as RFC 3629 has it:
 * shortest form, no surrogates. 0 where the bytes are none.
 */
static size_t
utf8_next(struct span text, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t lead = text.data[0];
	size_t n = lead < 0x80    ? 1
		: lead >> 5 == 6  ? 2
		: lead >> 4 == 14 ? 3
		: lead >> 3 == 30 ? 4
				  : 0;
	uint32_t code = n == 1 ? lead : lead & (0x7fU >> n);

	if (n == 0 || n > text.len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (text.data[i] >> 6 != 2)
			return 0;
		code = code << 6 | (text.data[i] & 0x3fU);
	}
	if (code < smallest[n] || code > 0x10ffff ||
		(code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n;
}

static bool
is_hidden(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (code <= hidden[i].last)
			return code >= hidden[i].first;
	return true;
}

/* All of text is UTF-8 and, where asked, can be seen. */
static bool
is_text(const char *str, bool must_show)
{
	struct span text = span_str(str);
	uint32_t code = 0;

	while (text.len > 0) {
		size_t n = utf8_next(text, &code);

		if (n == 0 || (must_show && is_hidden(code)))
			return false;
		text = span_skip(text, n);
	}
	return true;
}

/*
 * No backslash, and no escape left: what was encoded twice would read
 * differently to whoever decodes again.
 */
static bool
reads_one_way(const char *path)
{
	for (const char *c = path; *c != '\0'; c++)
		if (*c == '\\' || escape_byte(span_str(c)) >= 0)
			return false;
	return true;
}

static bool
has_dot_segment(const char *path)
{
	for (const char *c = path; *c != '\0'; c += strcspn(c, "/")) {
		size_t len;

		c += *c == '/';
		len = strcspn(c, "/");
		if ((len == 1 && c[0] == '.') ||
			(len == 2 && c[0] == '.' && c[1] == '.'))
			return true;
	}
	return false;
}

/* An encoded slash would be a name to one reader and a path to the next. */
static bool
has_encoded_slash(struct span text)
{
	for (; text.len > 0; text = span_skip(text, 1))
		if (escape_byte(text) == '/')
			return true;
	return false;
}

static bool
is_plain_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') ||
		(c != 0 && strchr("/-._~!$&'()*+,;=:@", c) != NULL);
}

/* The path with each run of slashes made one, escaped, and the query. */
static char *
clean_target(struct arena *arena, const char *path, struct span query)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(arena, 3 * strlen(path) + query.len + 2, 1);
	size_t n = 0;

	if (out == NULL)
		return NULL;
	for (const char *c = path; *c != '\0'; c++) {
		uint8_t byte = (uint8_t)*c;

		if (byte == '/' && c[1] == '/')
			continue;
		if (is_plain_byte(byte)) {
			out[n++] = *c;
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[byte >> 4];
		out[n++] = digits[byte & 15];
	}
	if (query.len > 0) {
		out[n++] = '?';
		memcpy(out + n, query.data, query.len);
	}
	return out;
}

/* Cut text at the first c; where there is none all of it comes before. */
static struct span
cut(struct span text, char c, struct span *ret_rest)
{
	const uint8_t *at =
		text.len > 0 ? memchr(text.data, c, text.len) : NULL;
	size_t n = at != NULL ? (size_t)(at - text.data) : text.len;

	*ret_rest = at != NULL ? span_of(at + 1, text.len - n - 1) : SPAN_NONE;
	return span_of(text.data, n);
}

static enum http_path_verdict
decode_param(struct arena *arena, struct span text, const char **ret_text)
{
	char *out = arena_alloc(arena, text.len + 1, 1);

	if (out == NULL)
		return HTTP_PATH_MEMORY;
	if (!decode(text, true, out) || !is_text(out, false))
		return HTTP_PATH_BAD;
	*ret_text = out;
	return HTTP_PATH_OK;
}

static enum http_path_verdict
parse_param(struct arena *arena, struct span piece, struct req_pair *pair)
{
	struct span key, value;
	enum http_path_verdict verdict;

	key = cut(piece, '=', &value);
	verdict = decode_param(arena, key, &pair->name);
	if (verdict != HTTP_PATH_OK)
		return verdict;
	return decode_param(arena, value, &pair->value);
}

static enum http_path_verdict
parse_query(struct span query, struct arena *arena, struct http_path *path)
{
	struct req_pair *pairs;
	size_t n = 0, n_max = 1;

	for (size_t i = 0; i < query.len; i++)
		n_max += query.data[i] == '&';
	if (n_max > HTTP_PARAMS_MAX)
		return HTTP_PATH_BAD;
	pairs = ARENA_ARRAY(arena, struct req_pair, n_max);
	if (pairs == NULL)
		return HTTP_PATH_MEMORY;
	while (query.len > 0) {
		struct span piece = cut(query, '&', &query);
		enum http_path_verdict verdict;

		if (piece.len == 0)
			continue;
		verdict = parse_param(arena, piece, &pairs[n++]);
		if (verdict != HTTP_PATH_OK)
			return verdict;
	}
	path->query = pairs;
	path->n_query = n;
	return HTTP_PATH_OK;
}

enum http_path_verdict
http_path_parse(
	struct span target, struct arena *arena, struct http_path *ret_path)
{
	struct http_path path = { .path = NULL };
	struct span query, raw = cut(target, '?', &query);
	char *text = arena_alloc(arena, raw.len + 1, 1);
	enum http_path_verdict verdict;

	if (text == NULL)
		return HTTP_PATH_MEMORY;
	if (!decode(raw, false, text) || !is_text(text, true) ||
		!reads_one_way(text))
		return HTTP_PATH_BAD;
	if (text[0] != '/')
		return HTTP_PATH_OUTSIDE;
	if (has_dot_segment(text))
		return HTTP_PATH_PARENT;
	if (strstr(text, "//") != NULL) {
		ret_path->location = clean_target(arena, text, query);
		return ret_path->location != NULL ? HTTP_PATH_EMPTY
						  : HTTP_PATH_MEMORY;
	}
	if (has_encoded_slash(raw))
		return HTTP_PATH_BAD;
	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return HTTP_PATH_OUTSIDE;
	path.path = text + strlen(PREFIX);
	if (query.len > 0) {
		verdict = parse_query(query, arena, &path);
		if (verdict != HTTP_PATH_OK)
			return verdict;
	}
	*ret_path = path;
	return HTTP_PATH_OK;
}
