/*
 * HCL version 1, as its reference implementation reads it: a lexer that gives
 * one token at a time and a parser by recursive descent, bounded in depth and
 * in the number of values. No interpolation: "${…}" stays as it was written.
 */
#include "lib/hcl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/number.h"

enum token_type {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_HEREDOC,
	TOKEN_NUMBER,
	TOKEN_BOOL,
	TOKEN_ASSIGN, /* = or : */
	TOKEN_COMMA,
	TOKEN_OBJECT, /* { */
	TOKEN_OBJECT_END,
	TOKEN_LIST, /* [ */
	TOKEN_LIST_END
};

struct token {
	enum token_type type;
	struct span text; /* decoded; of names, strings, numbers, bools */
	int line, column;
};

struct parser {
	struct span text;
	size_t at;         /* behind the current token */
	size_t line_start; /* offset of the line that at is on */
	int line;
	struct token token; /* the current one */
	struct arena *arena;
	struct err *err;
	size_t depth, nodes;
};

/* The byte n places ahead; 0 behind the end (NUL bytes are refused first). */
static uint8_t
peek(const struct parser *p, size_t n)
{
	return n < p->text.len - p->at ? p->text.data[p->at + n] : 0;
}

static bool
at_end(const struct parser *p)
{
	return p->at == p->text.len;
}

/* Refuse the text at a place. */
static int fail_at(struct parser *p, int line, int column, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static int
fail_at(struct parser *p, int line, int column, const char *fmt, ...)
{
	char why[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return err_set(
		p->err, ERR_INPUT, 400, "At %d:%d: %s", line, column, why);
}

/* Refuse the current token, or what the lexer found in its place. */
static int
fail(struct parser *p, const char *why)
{
	return fail_at(p, p->token.line, p->token.column, "%s", why);
}

/* Move on over one byte, counting lines. */
static void
step(struct parser *p)
{
	if (p->text.data[p->at++] == '\n') {
		p->line++;
		p->line_start = p->at;
	}
}

static void
step_over(struct parser *p, size_t n)
{
	while (n-- > 0 && !at_end(p))
		step(p);
}

static void
skip_line(struct parser *p)
{
	while (!at_end(p) && peek(p, 0) != '\n')
		step(p);
}

static int
skip_block_comment(struct parser *p)
{
	int line = p->line, column = (int)(p->at - p->line_start) + 1;

	step_over(p, 2);
	while (!at_end(p)) {
		if (peek(p, 0) == '*' && peek(p, 1) == '/') {
			step_over(p, 2);
			return 0;
		}
		step(p);
	}
	return fail_at(p, line, column, "comment not terminated");
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int
skip_blanks(struct parser *p)
{
	while (!at_end(p)) {
		uint8_t c = peek(p, 0);

		if (is_blank(c)) {
			step(p);
		} else if (c == '#' || (c == '/' && peek(p, 1) == '/')) {
			skip_line(p);
		} else if (c == '/' && peek(p, 1) == '*') {
			int rc = skip_block_comment(p);

			if (rc != 0)
				return rc;
		} else {
			break;
		}
	}
	return 0;
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		c >= 0x80;
}

static int
lex_name(struct parser *p)
{
	size_t start = p->at;

	while (is_letter(peek(p, 0)) || is_digit(peek(p, 0)) ||
		peek(p, 0) == '-' || peek(p, 0) == '.')
		step(p);
	p->token.type = TOKEN_NAME;
	p->token.text = span_of(p->text.data + start, p->at - start);
	if (span_equal(p->token.text, span_str("true")) ||
		span_equal(p->token.text, span_str("false")))
		p->token.type = TOKEN_BOOL;
	return 0;
}

/* Cut decimal digits off text; false where there are none. */
static bool
cut_digits(struct span *text)
{
	size_t n = 0;

	while (n < text->len && is_digit(text->data[n]))
		n++;
	*text = span_skip(*text, n);
	return n > 0;
}

/* Digits, then a fraction, an exponent or both: as JSON writes a number. */
static bool
is_real(struct span text)
{
	if (text.len > 0 && text.data[0] == '-')
		text = span_skip(text, 1);
	if (text.len > 1 && text.data[0] == '0' && is_digit(text.data[1]))
		return false;
	if (!cut_digits(&text))
		return false;
	if (text.len > 0 && text.data[0] == '.') {
		text = span_skip(text, 1);
		if (!cut_digits(&text))
			return false;
	}
	if (text.len > 0 && (text.data[0] | 0x20) == 'e') {
		text = span_skip(text, 1);
		if (text.len > 0 &&
			(text.data[0] == '+' || text.data[0] == '-'))
			text = span_skip(text, 1);
		if (!cut_digits(&text))
			return false;
	}
	return text.len == 0;
}

/* Decimal, 0x and leading-zero octal become decimal; a real stays as it is. */
static int
lex_number(struct parser *p)
{
	size_t start = p->at;
	struct span text;
	char *decimal = NULL;
	int64_t n;

	while (is_letter(peek(p, 0)) || is_digit(peek(p, 0)) ||
		peek(p, 0) == '.' || peek(p, 0) == '-' || peek(p, 0) == '+')
		step(p);
	text = span_of(p->text.data + start, p->at - start);
	p->token.type = TOKEN_NUMBER;
	p->token.text = text;
	if (number_parse_api(text, &n) != 0)
		return is_real(text) ? 0 : fail(p, "illegal number");
	decimal = arena_printf(p->arena, "%lld", (long long)n);
	if (decimal == NULL)
		return err_set_memory(p->err);
	p->token.text = span_str(decimal);
	return 0;
}

/* Append a code point as UTF-8; false for what is none. */
static bool
put_rune(char **out, uint32_t rune)
{
	if (rune < 0x80) {
		*(*out)++ = (char)rune;
		return true;
	}
	if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return false;
	if (rune < 0x800) {
		*(*out)++ = (char)(0xc0 | rune >> 6);
	} else if (rune < 0x10000) {
		*(*out)++ = (char)(0xe0 | rune >> 12);
		*(*out)++ = (char)(0x80 | (rune >> 6 & 0x3f));
	} else {
		*(*out)++ = (char)(0xf0 | rune >> 18);
		*(*out)++ = (char)(0x80 | (rune >> 12 & 0x3f));
		*(*out)++ = (char)(0x80 | (rune >> 6 & 0x3f));
	}
	*(*out)++ = (char)(0x80 | (rune & 0x3f));
	return true;
}

/* Exactly n digits of a base; false where they are not there. */
static bool
take_rune(struct parser *p, unsigned base, size_t n, uint32_t *ret_rune)
{
	uint32_t rune = 0;

	while (n-- > 0) {
		uint8_t c = peek(p, 0);
		unsigned digit = 255;

		if (is_digit(c))
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10U;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10U;
		if (digit >= base)
			return false;
		rune = rune * base + digit;
		step(p);
	}
	*ret_rune = rune;
	return true;
}

/* One escape, the backslash already read. */
static int
lex_escape(struct parser *p, char **out)
{
	static const char letters[] = "abfnrtv\\\"";
	static const char meanings[] = "\a\b\f\n\r\t\v\\\"";

	static const struct {
		char letter;
		uint8_t base, digits;
	} codes[] = { { 'x', 16, 2 }, { 'u', 16, 4 }, { 'U', 16, 8 } };

	uint8_t c = peek(p, 0);
	const char *letter = c != 0 ? strchr(letters, c) : NULL;
	uint32_t rune = 0;
	size_t i;

	if (letter != NULL) {
		step(p);
		*(*out)++ = meanings[letter - letters];
		return 0;
	}
	if (c >= '0' && c <= '7') {
		if (take_rune(p, 8, 3, &rune) && rune < 0x80 &&
			put_rune(out, rune))
			return 0;
		return fail(p, "illegal char escape");
	}
	for (i = 0; i < ARRAY_LEN(codes); i++) {
		if (c != codes[i].letter)
			continue;
		step(p);
		/* \x names a byte: above 0x7f that would be no UTF-8. */
		if (take_rune(p, codes[i].base, codes[i].digits, &rune) &&
			(c != 'x' || rune < 0x80) && put_rune(out, rune))
			return 0;
	}
	return fail(p, "illegal char escape");
}

/*
 * The length of a string's source, for the room it may need: up to the next
 * quote that ends it, or to the end of the text.
 */
static size_t
string_source_len(const struct parser *p)
{
	size_t n = 0, braces = 0;
	uint8_t c;

	for (; (c = peek(p, n)) != 0; n++) {
		if (c == '"' && braces == 0)
			break;
		if (c == '\\' && peek(p, n + 1) != 0)
			n++;
		else if (c == '{' &&
			(braces > 0 || (n > 0 && peek(p, n - 1) == '$')))
			braces++;
		else if (c == '}' && braces > 0)
			braces--;
	}
	return n;
}

/* "${…}" is kept as written, quotes, line ends and escapes included. */
static int
lex_interpolation(struct parser *p, char **out)
{
	size_t braces = 0;

	do {
		uint8_t c = peek(p, 0);

		if (c == 0)
			return fail(p, "literal not terminated");
		if (c == '\\' && peek(p, 1) != 0) {
			*(*out)++ = (char)c;
			step(p);
			c = peek(p, 0);
		} else if (c == '{') {
			braces++;
		} else if (c == '}') {
			braces--;
		}
		*(*out)++ = (char)c;
		step(p);
	} while (braces > 0);
	return 0;
}

static int
lex_string_body(struct parser *p, char **out)
{
	int rc = 0;

	while (rc == 0) {
		uint8_t c = peek(p, 0);

		if (c == '"')
			break;
		if (c == 0 || c == '\n')
			return fail(p, "literal not terminated");
		if (c == '$' && peek(p, 1) == '{') {
			*(*out)++ = '$';
			step(p);
			rc = lex_interpolation(p, out);
			continue;
		}
		step(p);
		if (c == '\\')
			rc = lex_escape(p, out);
		else
			*(*out)++ = (char)c;
	}
	return rc;
}

static int
lex_string(struct parser *p)
{
	char *start = NULL, *end = NULL;
	int rc;

	step(p);
	/* No escape is shorter than what it stands for. */
	start = end = ARENA_ARRAY(p->arena, char, string_source_len(p) + 1);
	if (start == NULL)
		return err_set_memory(p->err);
	rc = lex_string_body(p, &end);
	if (rc != 0)
		return rc;
	step(p);
	p->token.type = TOKEN_STRING;
	p->token.text = span_of(start, (size_t)(end - start));
	return 0;
}

/* The rest of the current line, without its line end. */
static struct span
rest_of_line(const struct parser *p)
{
	struct span rest = span_skip(p->text, p->at);
	const uint8_t *end = NULL;

	if (rest.len > 0)
		end = memchr(rest.data, '\n', rest.len);
	if (end != NULL)
		rest.len = (size_t)(end - rest.data);
	return rest;
}

static size_t
count_blanks(struct span line)
{
	size_t n = 0;

	while (n < line.len && (line.data[n] == ' ' || line.data[n] == '\t'))
		n++;
	return n;
}

/* Blanks, the marker, perhaps a carriage return, and nothing else. */
static bool
is_heredoc_end(struct span line, struct span marker)
{
	line = span_skip(line, count_blanks(line));
	if (!span_has_prefix(line, marker))
		return false;
	line = span_skip(line, marker.len);
	return line.len == 0 || (line.len == 1 && line.data[0] == '\r');
}

/* Cut the first line off text, its end included. */
static struct span
cut_line(struct span *text)
{
	const uint8_t *end = memchr(text->data, '\n', text->len);
	size_t len = end == NULL ? text->len : (size_t)(end - text->data) + 1;
	struct span line = span_of(text->data, len);

	*text = span_skip(*text, len);
	return line;
}

/* Take indent off every line of a <<- document if all of them begin with it. */
static int
unindent(struct parser *p, struct span *text, struct span indent)
{
	struct span rest = *text;
	char *out = NULL, *end = NULL;

	while (rest.len > 0) {
		if (!span_has_prefix(cut_line(&rest), indent))
			return 0;
	}
	out = end = ARENA_ARRAY(p->arena, char, text->len + 1);
	if (out == NULL)
		return err_set_memory(p->err);
	for (rest = *text; rest.len > 0;) {
		struct span line = span_skip(cut_line(&rest), indent.len);

		memcpy(end, line.data, line.len);
		end += line.len;
	}
	*text = span_of(out, (size_t)(end - out));
	return 0;
}

/* Lines up to the one that holds the marker alone. */
static int
lex_heredoc_body(struct parser *p, struct span marker, bool indented)
{
	size_t start = p->at;

	while (!at_end(p)) {
		struct span line = rest_of_line(p);

		if (is_heredoc_end(line, marker)) {
			p->token.text =
				span_of(p->text.data + start, p->at - start);
			step_over(p, count_blanks(line) + marker.len);
			line.len = count_blanks(line);
			return indented ? unindent(p, &p->token.text, line) : 0;
		}
		step_over(p, line.len + 1);
	}
	return fail(p, "heredoc not terminated");
}

static int
lex_heredoc(struct parser *p)
{
	struct span marker;
	bool indented;
	size_t i;

	step_over(p, 2);
	indented = peek(p, 0) == '-';
	step_over(p, indented);
	marker = rest_of_line(p);
	if (marker.len > 0 && marker.data[marker.len - 1] == '\r')
		marker.len--;
	step_over(p, rest_of_line(p).len + 1);
	if (marker.len == 0)
		return fail(p, "zero-length heredoc anchor");
	for (i = 0; i < marker.len; i++) {
		if (!is_letter(marker.data[i]) && !is_digit(marker.data[i]))
			return fail(p, "invalid characters in heredoc anchor");
	}
	p->token.type = TOKEN_HEREDOC;
	return lex_heredoc_body(p, marker, indented);
}

static int
lex_punctuation(struct parser *p)
{
	static const struct {
		char c;
		enum token_type type;
	} marks[] = {
		{ '=', TOKEN_ASSIGN },
		{ ':', TOKEN_ASSIGN },
		{ ',', TOKEN_COMMA },
		{ '{', TOKEN_OBJECT },
		{ '}', TOKEN_OBJECT_END },
		{ '[', TOKEN_LIST },
		{ ']', TOKEN_LIST_END },
	};

	size_t i;

	for (i = 0; i < ARRAY_LEN(marks); i++) {
		if (peek(p, 0) == marks[i].c) {
			p->token.type = marks[i].type;
			step(p);
			return 0;
		}
	}
	return fail(p, "illegal character");
}

/* Read the next token into p->token. */
static int
next(struct parser *p)
{
	int rc = skip_blanks(p);
	uint8_t c;

	if (rc != 0)
		return rc;
	p->token = (struct token){
		.type = TOKEN_END,
		.line = p->line,
		.column = (int)(p->at - p->line_start) + 1,
	};
	if (at_end(p))
		return 0;
	c = peek(p, 0);
	if (is_letter(c))
		return lex_name(p);
	if (is_digit(c) || c == '-')
		return lex_number(p);
	if (c == '"')
		return lex_string(p);
	if (c == '<' && peek(p, 1) == '<')
		return lex_heredoc(p);
	return lex_punctuation(p);
}

/* Count a value against the cap, and give it its line. */
static int
count_value(struct parser *p, struct value *value, int line,
	struct value **ret_value)
{
	if (value == NULL)
		return err_set_memory(p->err);
	if (++p->nodes > HCL_NODES_MAX)
		return fail(p, "too many values");
	value->line = line;
	*ret_value = value;
	return 0;
}

static int
enter(struct parser *p, size_t levels)
{
	p->depth += levels;
	return p->depth > HCL_DEPTH_MAX ? fail(p, "nested too deeply") : 0;
}

static int parse_value(struct parser *p, struct value **ret_value);
static int parse_members(
	struct parser *p, struct value *object, enum token_type end);

/* From behind "{" to behind "}". */
static int
parse_object(struct parser *p, struct value **ret_value)
{
	int line = p->token.line, column = p->token.column, rc;
	struct value *object = NULL;

	rc = count_value(p, value_object(p->arena), line, &object);
	if (rc == 0)
		rc = enter(p, 1);
	if (rc == 0)
		rc = next(p);
	if (rc == 0)
		rc = parse_members(p, object, TOKEN_OBJECT_END);
	if (rc != 0)
		return rc;
	if (p->token.type != TOKEN_OBJECT_END)
		return fail_at(p, line, column, "object not closed");
	p->depth--;
	*ret_value = object;
	return next(p);
}

/* The items of a list; ends on "]" or on what does not belong there. */
static int
parse_items(struct parser *p, struct value *list)
{
	struct value *item = NULL;
	int rc = 0;

	while (rc == 0 && p->token.type != TOKEN_LIST_END) {
		rc = parse_value(p, &item);
		if (rc != 0)
			break;
		(void)value_add(list, item);
		if (p->token.type == TOKEN_COMMA)
			rc = next(p);
		else if (p->token.type != TOKEN_LIST_END)
			rc = fail(p, "expected a comma or the list's end");
	}
	return rc;
}

static int
parse_list(struct parser *p, struct value **ret_value)
{
	struct value *list = NULL;
	int rc;

	rc = count_value(p, value_list(p->arena), p->token.line, &list);
	if (rc == 0)
		rc = enter(p, 1);
	if (rc == 0)
		rc = next(p);
	if (rc == 0)
		rc = parse_items(p, list);
	if (rc != 0)
		return rc;
	p->depth--;
	*ret_value = list;
	return next(p);
}

static struct value *
new_scalar(struct parser *p)
{
	switch (p->token.type) {
	case TOKEN_NUMBER:
		return value_number(p->arena, p->token.text);
	case TOKEN_BOOL:
		return value_bool(
			p->arena, span_equal(p->token.text, span_str("true")));
	default:
		return value_span(p->arena, p->token.text);
	}
}

static int
parse_value(struct parser *p, struct value **ret_value)
{
	int rc;

	switch (p->token.type) {
	case TOKEN_OBJECT:
		return parse_object(p, ret_value);
	case TOKEN_LIST:
		return parse_list(p, ret_value);
	case TOKEN_STRING:
	case TOKEN_HEREDOC:
	case TOKEN_NUMBER:
	case TOKEN_BOOL:
		rc = count_value(p, new_scalar(p), p->token.line, ret_value);
		return rc != 0 ? rc : next(p);
	default:
		return fail(p, "expected a value");
	}
}

/* A key as a string of the arena; NUL bytes have no place in one. */
static int
take_key(struct parser *p, const char **ret_key)
{
	struct span text = p->token.text;

	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		return fail(p, "illegal character in a key");
	*ret_key = arena_strndup(p->arena, text.data, text.len);
	return *ret_key == NULL ? err_set_memory(p->err) : next(p);
}

static bool
is_key(const struct parser *p)
{
	return p->token.type == TOKEN_NAME || p->token.type == TOKEN_STRING;
}

/* Behind the first key: labels, each an object that holds the next. */
static int
parse_block(struct parser *p, struct value *parent, const char *key)
{
	size_t depth = p->depth;
	struct value *body = NULL;
	int line = p->token.line, rc = 0;

	while (rc == 0 && is_key(p)) {
		const char *label = NULL;
		struct value *object = NULL;

		rc = count_value(p, value_object(p->arena), line, &object);
		if (rc == 0)
			rc = enter(p, 1);
		if (rc == 0)
			rc = take_key(p, &label);
		if (rc != 0)
			return rc;
		if (!value_append(p->arena, parent, key, object))
			return err_set_memory(p->err);
		parent = object;
		key = label;
	}
	if (rc != 0)
		return rc;
	if (p->token.type != TOKEN_OBJECT)
		return fail(p, "expected a block's opening brace");
	rc = parse_object(p, &body);
	if (rc != 0)
		return rc;
	p->depth = depth;
	if (!value_append(p->arena, parent, key, body))
		return err_set_memory(p->err);
	return 0;
}

/* "key = value" or a block. */
static int
parse_member(struct parser *p, struct value *object)
{
	struct value *value = NULL;
	const char *key = NULL;
	int line = p->token.line, rc;

	if (!is_key(p))
		return fail(p, "expected a key");
	rc = take_key(p, &key);
	if (rc != 0)
		return rc;
	if (p->token.type != TOKEN_ASSIGN)
		return parse_block(p, object, key);
	rc = next(p);
	if (rc == 0)
		rc = parse_value(p, &value);
	if (rc != 0)
		return rc;
	value->line = line;
	if (!value_append(p->arena, object, key, value))
		return err_set_memory(p->err);
	return 0;
}

/* Members up to the token that ends them, or the text; commas are optional. */
static int
parse_members(struct parser *p, struct value *object, enum token_type end)
{
	int rc = 0;

	while (rc == 0 && p->token.type != end && p->token.type != TOKEN_END) {
		rc = parse_member(p, object);
		if (rc == 0 && p->token.type == TOKEN_COMMA)
			rc = next(p);
	}
	return rc;
}

/* Bytes that stand for no character are refused before anything is read. */
static int
check_bytes(struct parser *p)
{
	struct span rest = p->text;
	size_t len;

	for (; rest.len > 0; rest = span_skip(rest, len)) {
		len = span_utf8_len(rest);
		if (len != 0 && rest.data[0] != '\0')
			continue;
		while (p->at < p->text.len - rest.len)
			step(p);
		return fail_at(p, p->line, (int)(p->at - p->line_start) + 1,
			len == 0 ? "invalid UTF-8" : "unexpected null byte");
	}
	return 0;
}

static int
parse_json(struct parser *p, struct value **ret_document)
{
	const struct json_limits limits = {
		.depth = HCL_DEPTH_MAX,
		.strings = HCL_NODES_MAX,
		.keys = HCL_NODES_MAX,
		.nodes = HCL_NODES_MAX,
	};
	struct err err = { 0 };
	int rc;

	rc = json_parse(p->text, &limits, p->arena, ret_document, &err);
	if (rc == ERR_MEMORY)
		return err_set_memory(p->err);
	if (rc != 0)
		return err_set(p->err, ERR_INPUT, 400, "At %s", err.detail);
	return 0;
}

int
hcl_parse(struct span text, struct arena *arena, struct value **ret_document,
	struct err *err)
{
	struct parser p = {
		.text = text,
		.line = 1,
		.arena = arena,
		.err = err,
	};
	struct value *document = NULL;
	int rc;

	if (span_has_prefix(text, span_str("\xef\xbb\xbf")))
		p.text = span_skip(text, 3);
	rc = check_bytes(&p);
	if (rc != 0)
		return rc;
	while (is_blank(peek(&p, 0)))
		step(&p);
	if (peek(&p, 0) == '{')
		return parse_json(&p, ret_document);
	rc = count_value(&p, value_object(arena), 1, &document);
	if (rc == 0)
		rc = next(&p);
	if (rc == 0)
		rc = parse_members(&p, document, TOKEN_END);
	if (rc == 0)
		*ret_document = document;
	return rc;
}
