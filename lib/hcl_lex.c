/*
 * The lexer of HCL version 1. Strings lose their escapes, heredocs their
 * indent, numbers become decimal; "${…}" stays as it was written.
 */
#include "lib/hcl_lex.h"

#include <string.h>

#include "lib/number.h"

/* The byte n places ahead; 0 behind the end (NUL bytes are refused first). */
static uint8_t
peek(const struct hcl_lexer *lexer, size_t n)
{
	return n < lexer->text.len - lexer->at ? lexer->text.data[lexer->at + n]
					       : 0;
}

static bool
at_end(const struct hcl_lexer *lexer)
{
	return lexer->at == lexer->text.len;
}

/* Counted in bytes from 1. */
static int
column_of(const struct hcl_lexer *lexer)
{
	return (int)(lexer->at - lexer->line_start) + 1;
}

static int
refuse(struct hcl_lexer *lexer, int line, int column, const char *why)
{
	return err_set(
		lexer->err, ERR_INPUT, 400, "At %d:%d: %s", line, column, why);
}

int
hcl_lex_fail_at(
	struct hcl_lexer *lexer, const struct hcl_token *token, const char *why)
{
	return refuse(lexer, token->line, token->column, why);
}

int
hcl_lex_fail(struct hcl_lexer *lexer, const char *why)
{
	return hcl_lex_fail_at(lexer, &lexer->token, why);
}

/* Move on over one byte, counting lines. */
static void
step(struct hcl_lexer *lexer)
{
	if (lexer->text.data[lexer->at++] == '\n') {
		lexer->line++;
		lexer->line_start = lexer->at;
	}
}

static void
step_over(struct hcl_lexer *lexer, size_t n)
{
	while (n-- > 0 && !at_end(lexer))
		step(lexer);
}

static void
skip_line(struct hcl_lexer *lexer)
{
	while (!at_end(lexer) && peek(lexer, 0) != '\n')
		step(lexer);
}

static int
skip_block_comment(struct hcl_lexer *lexer)
{
	int line = lexer->line, column = column_of(lexer);

	step_over(lexer, 2);
	while (!at_end(lexer)) {
		if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
			step_over(lexer, 2);
			return 0;
		}
		step(lexer);
	}
	return refuse(lexer, line, column, "comment not terminated");
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int
skip_blanks(struct hcl_lexer *lexer)
{
	while (!at_end(lexer)) {
		uint8_t c = peek(lexer, 0);

		if (is_blank(c)) {
			step(lexer);
		} else if (c == '#' || (c == '/' && peek(lexer, 1) == '/')) {
			skip_line(lexer);
		} else if (c == '/' && peek(lexer, 1) == '*') {
			int rc = skip_block_comment(lexer);

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
lex_name(struct hcl_lexer *lexer)
{
	size_t start = lexer->at;

	while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)) ||
		peek(lexer, 0) == '-' || peek(lexer, 0) == '.')
		step(lexer);
	lexer->token.type = HCL_NAME;
	lexer->token.text =
		span_of(lexer->text.data + start, lexer->at - start);
	if (span_equal(lexer->token.text, span_str("true")) ||
		span_equal(lexer->token.text, span_str("false")))
		lexer->token.type = HCL_BOOL;
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
lex_number(struct hcl_lexer *lexer)
{
	size_t start = lexer->at;
	struct span text;
	char *decimal = NULL;
	int64_t n;

	while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)) ||
		peek(lexer, 0) == '.' || peek(lexer, 0) == '-' ||
		peek(lexer, 0) == '+')
		step(lexer);
	text = span_of(lexer->text.data + start, lexer->at - start);
	lexer->token.type = HCL_NUMBER;
	lexer->token.text = text;
	if (number_parse_api(text, &n) != 0)
		return is_real(text) ? 0
				     : hcl_lex_fail(lexer, "illegal number");
	decimal = arena_printf(lexer->arena, "%lld", (long long)n);
	if (decimal == NULL)
		return err_set_memory(lexer->err);
	lexer->token.text = span_str(decimal);
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
take_rune(struct hcl_lexer *lexer, unsigned base, size_t n, uint32_t *ret_rune)
{
	uint32_t rune = 0;

	while (n-- > 0) {
		uint8_t c = peek(lexer, 0);
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
		step(lexer);
	}
	*ret_rune = rune;
	return true;
}

/* One escape, the backslash already read. */
static int
lex_escape(struct hcl_lexer *lexer, char **out)
{
	static const char letters[] = "abfnrtv\\\"";
	static const char meanings[] = "\a\b\f\n\r\t\v\\\"";

	static const struct {
		uint8_t letter, base, digits;
	} codes[] = { { 'x', 16, 2 }, { 'u', 16, 4 }, { 'U', 16, 8 } };

	uint8_t c = peek(lexer, 0);
	const char *letter = c != 0 ? strchr(letters, c) : NULL;
	uint32_t rune = 0;
	size_t i;

	if (letter != NULL) {
		step(lexer);
		*(*out)++ = meanings[letter - letters];
		return 0;
	}
	if (c >= '0' && c <= '7') {
		if (take_rune(lexer, 8, 3, &rune) && rune < 0x80 &&
			put_rune(out, rune))
			return 0;
		return hcl_lex_fail(lexer, "illegal char escape");
	}
	for (i = 0; i < ARRAY_LEN(codes); i++) {
		if (c != codes[i].letter)
			continue;
		step(lexer);
		/* \x names a byte: above 0x7f that would be no UTF-8. */
		if (take_rune(lexer, codes[i].base, codes[i].digits, &rune) &&
			(c != 'x' || rune < 0x80) && put_rune(out, rune))
			return 0;
	}
	return hcl_lex_fail(lexer, "illegal char escape");
}

/*
 * The length of a string's source, for the room it may need: up to the next
 * quote that ends it, or to the end of the text.
 */
static size_t
string_source_len(const struct hcl_lexer *lexer)
{
	size_t n = 0, braces = 0;
	uint8_t c;

	for (; (c = peek(lexer, n)) != 0; n++) {
		if (c == '"' && braces == 0)
			break;
		if (c == '\\' && peek(lexer, n + 1) != 0)
			n++;
		else if (c == '{' &&
			(braces > 0 || (n > 0 && peek(lexer, n - 1) == '$')))
			braces++;
		else if (c == '}' && braces > 0)
			braces--;
	}
	return n;
}

/* "${…}" is kept as written, quotes, line ends and escapes included. */
static int
lex_interpolation(struct hcl_lexer *lexer, char **out)
{
	size_t braces = 0;

	do {
		uint8_t c = peek(lexer, 0);

		if (c == 0)
			return hcl_lex_fail(lexer, "literal not terminated");
		if (c == '\\' && peek(lexer, 1) != 0) {
			*(*out)++ = (char)c;
			step(lexer);
			c = peek(lexer, 0);
		} else if (c == '{') {
			braces++;
		} else if (c == '}') {
			braces--;
		}
		*(*out)++ = (char)c;
		step(lexer);
	} while (braces > 0);
	return 0;
}

static int
lex_string_body(struct hcl_lexer *lexer, char **out)
{
	int rc = 0;

	while (rc == 0) {
		uint8_t c = peek(lexer, 0);

		if (c == '"')
			break;
		if (c == 0 || c == '\n')
			return hcl_lex_fail(lexer, "literal not terminated");
		if (c == '$' && peek(lexer, 1) == '{') {
			*(*out)++ = '$';
			step(lexer);
			rc = lex_interpolation(lexer, out);
			continue;
		}
		step(lexer);
		if (c == '\\')
			rc = lex_escape(lexer, out);
		else
			*(*out)++ = (char)c;
	}
	return rc;
}

static int
lex_string(struct hcl_lexer *lexer)
{
	char *start = NULL, *end = NULL;
	int rc;

	step(lexer);
	/* No escape is shorter than what it stands for. */
	start = end =
		ARENA_ARRAY(lexer->arena, char, string_source_len(lexer) + 1);
	if (start == NULL)
		return err_set_memory(lexer->err);
	rc = lex_string_body(lexer, &end);
	if (rc != 0)
		return rc;
	step(lexer);
	lexer->token.type = HCL_STRING;
	lexer->token.text = span_of(start, (size_t)(end - start));
	return 0;
}

/* The rest of the current line, without its line end. */
static struct span
rest_of_line(const struct hcl_lexer *lexer)
{
	struct span rest = span_skip(lexer->text, lexer->at);
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
unindent(struct hcl_lexer *lexer, struct span *text, struct span indent)
{
	struct span rest = *text;
	char *out = NULL, *end = NULL;

	while (rest.len > 0) {
		if (!span_has_prefix(cut_line(&rest), indent))
			return 0;
	}
	out = end = ARENA_ARRAY(lexer->arena, char, text->len + 1);
	if (out == NULL)
		return err_set_memory(lexer->err);
	for (rest = *text; rest.len > 0;) {
		struct span line = span_skip(cut_line(&rest), indent.len);

		if (line.len > 0)
			memcpy(end, line.data, line.len);
		end += line.len;
	}
	*text = span_of(out, (size_t)(end - out));
	return 0;
}

/* Lines up to the one that holds the marker alone. */
static int
lex_heredoc_body(struct hcl_lexer *lexer, struct span marker, bool indented)
{
	size_t start = lexer->at;

	while (!at_end(lexer)) {
		struct span line = rest_of_line(lexer);

		if (is_heredoc_end(line, marker)) {
			lexer->token.text = span_of(
				lexer->text.data + start, lexer->at - start);
			step_over(lexer, count_blanks(line) + marker.len);
			line.len = count_blanks(line);
			return indented
				? unindent(lexer, &lexer->token.text, line)
				: 0;
		}
		step_over(lexer, line.len + 1);
	}
	return hcl_lex_fail(lexer, "heredoc not terminated");
}

static int
lex_heredoc(struct hcl_lexer *lexer)
{
	struct span marker;
	bool indented;
	size_t i;

	step_over(lexer, 2);
	indented = peek(lexer, 0) == '-';
	step_over(lexer, indented);
	marker = rest_of_line(lexer);
	if (marker.len > 0 && marker.data[marker.len - 1] == '\r')
		marker.len--;
	step_over(lexer, rest_of_line(lexer).len + 1);
	if (marker.len == 0)
		return hcl_lex_fail(lexer, "zero-length heredoc anchor");
	for (i = 0; i < marker.len; i++) {
		if (!is_letter(marker.data[i]) && !is_digit(marker.data[i]))
			return hcl_lex_fail(
				lexer, "invalid characters in heredoc anchor");
	}
	lexer->token.type = HCL_HEREDOC;
	return lex_heredoc_body(lexer, marker, indented);
}

static int
lex_punctuation(struct hcl_lexer *lexer)
{
	static const struct {
		uint8_t c;
		enum hcl_token_type type;
	} marks[] = {
		{ '=', HCL_ASSIGN },
		{ ':', HCL_ASSIGN },
		{ ',', HCL_COMMA },
		{ '{', HCL_OBJECT },
		{ '}', HCL_OBJECT_END },
		{ '[', HCL_LIST },
		{ ']', HCL_LIST_END },
	};

	size_t i;

	for (i = 0; i < ARRAY_LEN(marks); i++) {
		if (peek(lexer, 0) == marks[i].c) {
			lexer->token.type = marks[i].type;
			step(lexer);
			return 0;
		}
	}
	return hcl_lex_fail(lexer, "illegal character");
}

int
hcl_lex_next(struct hcl_lexer *lexer)
{
	int rc = skip_blanks(lexer);
	uint8_t c;

	if (rc != 0)
		return rc;
	lexer->token = (struct hcl_token){
		.type = HCL_END,
		.line = lexer->line,
		.column = column_of(lexer),
	};
	if (at_end(lexer))
		return 0;
	c = peek(lexer, 0);
	if (is_letter(c))
		return lex_name(lexer);
	if (is_digit(c) || c == '-')
		return lex_number(lexer);
	if (c == '"')
		return lex_string(lexer);
	if (c == '<' && peek(lexer, 1) == '<')
		return lex_heredoc(lexer);
	return lex_punctuation(lexer);
}

/* Bytes that stand for no character are refused before anything is read. */
static int
check_bytes(struct hcl_lexer *lexer)
{
	struct span rest = lexer->text;
	size_t len;

	for (; rest.len > 0; rest = span_skip(rest, len)) {
		len = span_utf8_len(rest);
		if (len != 0 && rest.data[0] != '\0')
			continue;
		while (lexer->at < lexer->text.len - rest.len)
			step(lexer);
		return refuse(lexer, lexer->line, column_of(lexer),
			len == 0 ? "invalid UTF-8" : "unexpected null byte");
	}
	return 0;
}

int
hcl_lex_start(struct hcl_lexer *lexer, struct span text, struct arena *arena,
	struct err *err)
{
	struct span mark = span_str("\xef\xbb\xbf");

	*lexer = (struct hcl_lexer){
		.text = text,
		.line = 1,
		.arena = arena,
		.err = err,
	};
	if (span_has_prefix(text, mark))
		lexer->text = span_skip(text, mark.len);
	return check_bytes(lexer);
}
