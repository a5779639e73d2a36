/*
 * JSON text out of value trees. Plain runs of a string are copied whole; the
 * hot paths (replies, audit lines) are mostly plain runs.
 */
#include "lib/jsonw.h"

#include <string.h>

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS (EACH_BYTE << 7)

/* Nonzero where a byte of eight is below n, which is at most 128. */
static uint64_t
any_below(uint64_t eight, uint8_t n)
{
	return (eight - EACH_BYTE * n) & ~eight & HIGH_BITS;
}

/* The same as is_plain of each of eight bytes. */
static bool
are_plain(const uint8_t *bytes)
{
	uint64_t eight;

	memcpy(&eight, bytes, sizeof(eight));
	return (((eight + EACH_BYTE) | eight) & HIGH_BITS) == 0 &&
		any_below(eight, 0x20) == 0 &&
		any_below(eight ^ EACH_BYTE * '"', 1) == 0 &&
		any_below(eight ^ EACH_BYTE * '\\', 1) == 0;
}

/* Where the plain run that starts at i ends. */
static size_t
plain_end(struct span text, size_t i)
{
	while (text.len - i >= sizeof(uint64_t) && are_plain(text.data + i))
		i += sizeof(uint64_t);
	while (i < text.len && is_plain(text.data[i]))
		i++;
	return i;
}

static void
add_escape(struct buf *buf, uint8_t c)
{
	switch (c) {
	case '"':
	case '\\':
		buf_add_char(buf, '\\');
		buf_add_char(buf, (char)c);
		break;
	case '\n':
		buf_add_str(buf, "\\n");
		break;
	case '\r':
		buf_add_str(buf, "\\r");
		break;
	case '\t':
		buf_add_str(buf, "\\t");
		break;
	default:
		buf_addf(buf, "\\u%04x", c);
	}
}

/*
 * Add the character that text starts with; returns its length. The C1
 * controls are escaped too: a terminal obeys them.
 */
static size_t
add_character(struct buf *buf, struct span text)
{
	size_t len = span_utf8_len(text);

	if (len == 0) {
		buf_add_str(buf, "\xef\xbf\xbd");
		return 1;
	}
	if (len == 1)
		add_escape(buf, text.data[0]);
	else if (text.data[0] == 0xc2 && text.data[1] < 0xa0)
		add_escape(buf, text.data[1]);
	else
		buf_add(buf, text.data, len);
	return len;
}

void
jsonw_string(struct buf *buf, struct span text)
{
	size_t start = 0, end;

	buf_add_char(buf, '"');
	while ((end = plain_end(text, start)) < text.len) {
		buf_add(buf, text.data + start, end - start);
		start = end + add_character(buf, span_skip(text, end));
	}
	buf_add_span(buf, span_skip(text, start));
	buf_add_char(buf, '"');
}

static void
add_newline(struct buf *buf, int blanks)
{
	buf_add_char(buf, '\n');
	while (blanks-- > 0)
		buf_add_char(buf, ' ');
}

static void add_value(
	struct buf *buf, const struct value *value, int indent, int blanks);

static void
add_children(struct buf *buf, const struct value *parent, int indent,
	int blanks, const char *brackets)
{
	buf_add_char(buf, brackets[0]);
	VALUE_EACH (child, parent) {
		if (child != parent->first)
			buf_add_char(buf, ',');
		if (indent > 0)
			add_newline(buf, blanks + indent);
		if (parent->type == VALUE_OBJECT) {
			jsonw_string(buf, span_str(child->key));
			buf_add_str(buf, indent > 0 ? ": " : ":");
		}
		add_value(buf, child, indent, blanks + indent);
	}
	if (indent > 0 && parent->first != NULL)
		add_newline(buf, blanks);
	buf_add_char(buf, brackets[1]);
}

/* Recursive: every tree was bounded in depth by whoever read or built it. */
static void
add_value(struct buf *buf, const struct value *value, int indent, int blanks)
{
	switch (value->type) {
	case VALUE_NULL:
		buf_add_str(buf, "null");
		break;
	case VALUE_BOOL:
		buf_add_str(buf, value->boolean ? "true" : "false");
		break;
	case VALUE_INT:
		buf_add_int(buf, value->integer);
		break;
	case VALUE_NUMBER:
		buf_add_span(buf, value_text(value));
		break;
	case VALUE_STRING:
		jsonw_string(buf, value_text(value));
		break;
	case VALUE_LIST:
		add_children(buf, value, indent, blanks, "[]");
		break;
	case VALUE_OBJECT:
		add_children(buf, value, indent, blanks, "{}");
		break;
	}
}

void
jsonw_value(struct buf *buf, const struct value *value, int indent)
{
	add_value(buf, value, indent, 0);
}

int
jsonw_bytes(const struct value *value, size_t len_max, struct arena *arena,
	struct span *ret_bytes, struct err *err)
{
	struct span bytes = SPAN_NONE;
	struct buf text;
	int rc;

	buf_init(&text, len_max);
	jsonw_value(&text, value, 0);
	rc = buf_check(&text, err);
	if (rc == 0) {
		bytes = arena_dup(arena, buf_span(&text));
		rc = bytes.data != NULL ? 0 : err_set_memory(err);
	}
	buf_clear(&text);
	if (rc == 0)
		*ret_bytes = bytes;
	return rc;
}
