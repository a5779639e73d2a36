/*
 * The request parser. The head is read line by line: bytes are checked and
 * copied until CRLF, then the whole line is taken apart by straight code. The
 * body is copied by length, or through a small state machine for chunks.
 * Nothing here repairs input: what RFC 9112 lets a server tolerate (bare LF,
 * folding, blank before a colon, extensions, trailers) is refused.
 */
#include "server/http/parser.h"

#include <string.h>

#include "lib/secret.h"

/* Memory that a parser keeps between requests of one connection. */
#define HEAD_KEPT 4096
#define BODY_KEPT 4096
/* Reserved at once for an announced length, whatever it claims to be. */
#define BODY_FIRST 65536
#define CHUNK_DIGITS_MAX 16

struct fault_row {
	int status;
	const char *text;
};

static const struct fault_row faults[] = {
	[HTTP_FAULT_NONE] = { 200, "" },
	[HTTP_FAULT_MALFORMED] = { 400, "malformed request" },
	[HTTP_FAULT_LINE_SIZE] = { 414, "request too large" },
	[HTTP_FAULT_HEAD_SIZE] = { 431, "request too large" },
	[HTTP_FAULT_BODY_SIZE] = { 413, "error parsing JSON" },
	[HTTP_FAULT_VERSION] = { 505, "unsupported protocol" },
	[HTTP_FAULT_EXPECT] = { 417, "unsupported protocol" },
	[HTTP_FAULT_TIMEOUT] = { 408, "request timeout" },
	[HTTP_FAULT_OVERLOADED] = { 503, "overloaded" },
	[HTTP_FAULT_MEMORY] = { 500, "internal error" },
};

static const char *const methods[] = {
	[HTTP_GET] = "GET",
	[HTTP_HEAD] = "HEAD",
	[HTTP_LIST] = "LIST",
	[HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",
	[HTTP_PATCH] = "PATCH",
	[HTTP_DELETE] = "DELETE",
	[HTTP_OPTIONS] = "OPTIONS",
	[HTTP_HELP] = "HELP",
	[HTTP_OTHER] = "",
};

int
http_fault_status(enum http_fault fault)
{
	return faults[fault].status;
}

const char *
http_fault_text(enum http_fault fault)
{
	return faults[fault].text;
}

const char *
http_method_name(enum http_method method)
{
	return methods[method];
}

/* RFC 9110 5.6.2: the bytes of methods and field names. */
static bool
is_token_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z') ||
		(c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_token_byte(text.data[i]))
			return false;
	return text.len > 0;
}

/* What may stand in a line of the head at all: no controls but the tab. */
static bool
is_line_byte(uint8_t c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* text in any case equals word, which is in lower case. */
static bool
equals_nocase(struct span text, const char *word)
{
	if (text.len != strlen(word))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (lower(text.data[i]) != (uint8_t)word[i])
			return false;
	return true;
}

static struct span
trim(struct span text)
{
	while (text.len > 0 && (*text.data == ' ' || *text.data == '\t'))
		text = span_skip(text, 1);
	while (text.len > 0 &&
		(text.data[text.len - 1] == ' ' ||
			text.data[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Everything but the memory of head and body. */
static void
start(struct http_parser *parser)
{
	struct buf head = parser->head;
	struct buf body = parser->body;

	*parser = (struct http_parser){ .state = HTTP_ST_LINE };
	parser->head = head;
	parser->body = body;
}

void
http_parser_init(struct http_parser *parser)
{
	buf_init(&parser->head, HTTP_HEAD_MAX);
	buf_init(&parser->body, 0);
	start(parser);
}

void
http_parser_clear(struct http_parser *parser)
{
	buf_clear(&parser->head);
	buf_clear(&parser->body);
	start(parser);
}

/* Wipe; an idle connection keeps little memory. */
static void
reset_buf(struct buf *buf, size_t kept)
{
	if (buf->cap > kept || buf->rc != 0)
		buf_clear(buf);
	else
		buf_reset(buf);
}

void
http_parser_reset(struct http_parser *parser)
{
	reset_buf(&parser->head, HEAD_KEPT);
	reset_buf(&parser->body, BODY_KEPT);
	start(parser);
}

bool
http_parser_is_idle(const struct http_parser *parser)
{
	return parser->state == HTTP_ST_LINE && parser->head_bytes == 0;
}

static struct span
piece_span(const struct http_parser *parser, struct http_piece piece)
{
	return parser->head.data == NULL
		? SPAN_NONE
		: span_of(parser->head.data + piece.at, piece.len);
}

/* text lies within the last line; an empty one stands at that line's NUL. */
static struct http_piece
piece_of(const struct http_parser *parser, struct span text)
{
	size_t at = text.len > 0 ? (size_t)(text.data - parser->head.data)
				 : parser->head.len - 1;

	return (struct http_piece){
		.at = (uint16_t)at,
		.len = (uint16_t)text.len,
	};
}

struct span
http_parser_target(const struct http_parser *parser)
{
	return piece_span(parser, parser->target);
}

struct span
http_parser_name(const struct http_parser *parser, size_t i)
{
	return piece_span(parser, parser->fields[i].name);
}

struct span
http_parser_value(const struct http_parser *parser, size_t i)
{
	return piece_span(parser, parser->fields[i].value);
}

struct span
http_parser_body(const struct http_parser *parser)
{
	return buf_span(&parser->body);
}

struct span
http_parser_find(const struct http_parser *parser, const char *name)
{
	struct span wanted = span_str(name);

	for (size_t i = 0; i < parser->n_fields; i++)
		if (span_equal(http_parser_name(parser, i), wanted))
			return http_parser_value(parser, i);
	return SPAN_NONE;
}

void
http_parser_scrub(struct http_parser *parser, const char *name)
{
	struct span wanted = span_str(name);

	for (size_t i = 0; i < parser->n_fields; i++) {
		struct http_piece *value = &parser->fields[i].value;

		if (!span_equal(http_parser_name(parser, i), wanted))
			continue;
		secret_wipe(parser->head.data + value->at, value->len);
		value->len = 0;
	}
}

static enum http_step
fail(struct http_parser *parser, enum http_fault fault)
{
	parser->state = HTTP_ST_FAILED;
	parser->fault = fault;
	return HTTP_STEP_FAILED;
}

/* Cut text at the first c: what is before it, and in *rest what is behind. */
static bool
cut(struct span text, char c, struct span *ret_before, struct span *ret_rest)
{
	const uint8_t *at =
		text.len > 0 ? memchr(text.data, c, text.len) : NULL;

	if (at == NULL)
		return false;
	*ret_before = span_of(text.data, (size_t)(at - text.data));
	*ret_rest = span_skip(text, ret_before->len + 1);
	return true;
}

static enum http_method
find_method(struct span name)
{
	for (size_t i = 0; i < HTTP_OTHER; i++)
		if (span_equal(name, span_str(methods[i])))
			return (enum http_method)i;
	return HTTP_OTHER;
}

/* uri-host and port (RFC 3986 3.2): enough to refuse what is neither. */
static bool
is_authority(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (!(c >= '0' && c <= '9') &&
			!(lower(c) >= 'a' && lower(c) <= 'z') &&
			(c == 0 || strchr("-._~%!$&'()*+,;=:[]", c) == NULL))
			return false;
	}
	return true;
}

/* "http://host/path" to "/path"; RFC 9112 3.2.2 has servers take it. */
static bool
skip_authority(struct span *target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct span host, path, scheme = span_str(schemes[i]);
		struct span rest = span_skip(*target, scheme.len);

		if (!span_has_prefix(*target, scheme))
			continue;
		if (!cut(rest, '/', &host, &path) || host.len == 0 ||
			!is_authority(host))
			return false;
		*target = span_skip(rest, host.len);
		return true;
	}
	return false;
}

static bool
check_target(struct http_parser *parser, struct span target)
{
	for (size_t i = 0; i < target.len; i++)
		if (target.data[i] == ' ' || target.data[i] == '\t' ||
			target.data[i] == '#')
			return false;
	if (target.len == 0)
		return false;
	if (target.data[0] != '/' && !skip_authority(&target) &&
		!(parser->method == HTTP_OPTIONS &&
			span_equal(target, span_str("*"))))
		return false;
	parser->target = piece_of(parser, target);
	return true;
}

static enum http_fault
check_version(struct http_parser *parser, struct span version)
{
	const uint8_t *text = version.data;

	if (version.len != 8 || !span_has_prefix(version, span_str("HTTP/")) ||
		text[5] < '0' || text[5] > '9' || text[6] != '.' ||
		text[7] < '0' || text[7] > '9')
		return HTTP_FAULT_MALFORMED;
	if (text[5] != '1' || text[7] > '1')
		return HTTP_FAULT_VERSION;
	parser->http10 = text[7] == '0';
	parser->close = parser->http10;
	return HTTP_FAULT_NONE;
}

static enum http_fault
take_request_line(struct http_parser *parser, struct span line)
{
	struct span method, target, rest;
	enum http_fault fault;

	if (!cut(line, ' ', &method, &rest) || !is_token(method) ||
		!cut(rest, ' ', &target, &rest))
		return HTTP_FAULT_MALFORMED;
	/* The version comes first: "PRI * HTTP/2.0" is no OPTIONS either. */
	fault = check_version(parser, rest);
	if (fault != HTTP_FAULT_NONE)
		return fault;
	parser->method = find_method(method);
	if (!check_target(parser, target))
		return HTTP_FAULT_MALFORMED;
	parser->state = HTTP_ST_FIELDS;
	return HTTP_FAULT_NONE;
}

static enum http_fault
take_host(struct http_parser *parser UNUSED, struct span value)
{
	return is_authority(value) ? HTTP_FAULT_NONE : HTTP_FAULT_MALFORMED;
}

/* A length past 64 bits stays at the largest, so it is too large, not bad. */
static enum http_fault
take_content_length(struct http_parser *parser, struct span value)
{
	uint64_t n = 0;

	for (size_t i = 0; i < value.len; i++) {
		uint8_t digit = (uint8_t)(value.data[i] - '0');

		if (digit > 9)
			return HTTP_FAULT_MALFORMED;
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, digit, &n))
			n = UINT64_MAX;
	}
	if (value.len == 0)
		return HTTP_FAULT_MALFORMED;
	parser->has_length = true;
	parser->left = n;
	return HTTP_FAULT_NONE;
}

static enum http_fault
take_transfer_encoding(struct http_parser *parser, struct span value)
{
	parser->chunked = equals_nocase(value, "chunked");
	return parser->chunked ? HTTP_FAULT_NONE : HTTP_FAULT_MALFORMED;
}

static enum http_fault
take_expect(struct http_parser *parser, struct span value)
{
	if (equals_nocase(value, "100-continue"))
		parser->expect_continue = true;
	else
		parser->bad_expect = true;
	return HTTP_FAULT_NONE;
}

static enum http_fault
take_connection(struct http_parser *parser, struct span value)
{
	struct span option;

	while (cut(value, ',', &option, &value))
		if (equals_nocase(trim(option), "close"))
			parser->close = true;
	if (equals_nocase(trim(value), "close"))
		parser->close = true;
	return HTTP_FAULT_NONE;
}

static enum http_fault
take_token(struct http_parser *parser UNUSED, struct span value)
{
	return value.len <= HTTP_TOKEN_MAX ? HTTP_FAULT_NONE
					   : HTTP_FAULT_HEAD_SIZE;
}

struct known_field {
	const char *name;
	bool once; /* a second one makes the request ambiguous */
	enum http_fault (*take)(struct http_parser *parser, struct span value);
};

enum { FIELD_HOST };

static const struct known_field known_fields[] = {
	[FIELD_HOST] = { "host", true, take_host },
	{ "content-length", true, take_content_length },
	{ "transfer-encoding", true, take_transfer_encoding },
	{ "expect", false, take_expect },
	{ "connection", false, take_connection },
	{ "x-vault-token", true, take_token },
	{ "authorization", true, take_token },
};

static enum http_fault
take_known(struct http_parser *parser, const struct http_field *field)
{
	struct span name = piece_span(parser, field->name);

	for (size_t i = 0; i < ARRAY_LEN(known_fields); i++) {
		if (!span_equal(name, span_str(known_fields[i].name)))
			continue;
		if (known_fields[i].once && (parser->seen & 1U << i) != 0)
			return HTTP_FAULT_MALFORMED;
		parser->seen |= 1U << i;
		return known_fields[i].take(
			parser, piece_span(parser, field->value));
	}
	return HTTP_FAULT_NONE;
}

/* "Name: value"; a line that starts with a blank has no token as name. */
static enum http_fault
take_field(struct http_parser *parser, struct span line)
{
	uint8_t *base = parser->head.data;
	struct http_field *field;
	struct span name, value;

	if (!cut(line, ':', &name, &value) || !is_token(name))
		return HTTP_FAULT_MALFORMED;
	if (parser->n_fields == HTTP_FIELDS_MAX)
		return HTTP_FAULT_HEAD_SIZE;
	value = trim(value);
	field = &parser->fields[parser->n_fields++];
	field->name = piece_of(parser, name);
	field->value = piece_of(parser, value);
	for (size_t i = 0; i < field->name.len; i++)
		base[field->name.at + i] = lower(base[field->name.at + i]);
	base[field->name.at + field->name.len] = '\0';
	base[field->value.at + field->value.len] = '\0';
	return take_known(parser, field);
}

/* The empty line has come: what only the whole head can tell. */
static enum http_fault
end_head(struct http_parser *parser)
{
	bool has_host = (parser->seen & 1U << FIELD_HOST) != 0;

	if (!parser->http10 && !has_host)
		return HTTP_FAULT_MALFORMED;
	if (parser->chunked && (parser->has_length || parser->http10))
		return HTTP_FAULT_MALFORMED;
	if (parser->http10)
		parser->expect_continue = false;
	else if (parser->bad_expect)
		return HTTP_FAULT_EXPECT;
	parser->state = HTTP_ST_HEAD;
	return HTTP_FAULT_NONE;
}

/* CRLF has come. The NUL that ends the last value stands where CR was. */
static enum http_fault
end_line(struct http_parser *parser)
{
	struct span line = span_skip(buf_span(&parser->head), parser->line_at);
	enum http_fault fault;

	if (parser->state == HTTP_ST_FIELDS && line.len == 0)
		return end_head(parser);
	if (buf_add_char(&parser->head, '\0') != 0)
		return HTTP_FAULT_MEMORY;
	line = span_of(parser->head.data + parser->line_at, line.len);
	fault = parser->state == HTTP_ST_LINE ? take_request_line(parser, line)
					      : take_field(parser, line);
	parser->line_at = parser->head.len;
	return fault;
}

/* How many bytes from the start of in may stand in a line. */
static size_t
line_run(struct span in)
{
	size_t n = 0;

	while (n < in.len && is_line_byte(in.data[n]))
		n++;
	return n;
}

static enum http_fault
add_run(struct http_parser *parser, struct span run)
{
	size_t line_len = parser->head.len - parser->line_at + run.len;

	if (parser->state == HTTP_ST_LINE && line_len > HTTP_LINE_MAX)
		return HTTP_FAULT_LINE_SIZE;
	if (parser->head_bytes + run.len > HTTP_HEAD_MAX)
		return HTTP_FAULT_HEAD_SIZE;
	parser->head_bytes += run.len;
	if (buf_add_span(&parser->head, run) != 0)
		return HTTP_FAULT_MEMORY;
	return HTTP_FAULT_NONE;
}

/* One run of ordinary bytes, or the CR or LF that ends it. */
static enum http_fault
feed_line(struct http_parser *parser, struct span in, size_t *used)
{
	size_t run = line_run(in);
	uint8_t c = in.data[0];

	if (run > 0 && !parser->saw_cr) {
		*used += run;
		return add_run(parser, span_of(in.data, run));
	}
	*used += 1;
	if (++parser->head_bytes > HTTP_HEAD_MAX)
		return HTTP_FAULT_HEAD_SIZE;
	if (c != (parser->saw_cr ? '\n' : '\r'))
		return HTTP_FAULT_MALFORMED;
	parser->saw_cr = !parser->saw_cr;
	return parser->saw_cr ? HTTP_FAULT_NONE : end_line(parser);
}

static enum http_fault
feed_data(struct http_parser *parser, struct span in, size_t *used)
{
	size_t n = in.len < parser->left ? in.len : (size_t)parser->left;

	if (buf_add(&parser->body, in.data, n) != 0)
		return HTTP_FAULT_MEMORY;
	*used += n;
	parser->left -= n;
	if (parser->left == 0)
		parser->state =
			parser->chunked ? HTTP_ST_CHUNK_CR : HTTP_ST_DONE;
	return HTTP_FAULT_NONE;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum http_fault
feed_size(struct http_parser *parser, uint8_t c)
{
	int digit = hex_digit(c);

	if (digit >= 0 && parser->n_digits < CHUNK_DIGITS_MAX) {
		parser->n_digits++;
		parser->left = parser->left << 4 | (uint64_t)digit;
		return HTTP_FAULT_NONE;
	}
	if (c != '\r' || parser->n_digits == 0)
		return HTTP_FAULT_MALFORMED;
	parser->state = HTTP_ST_SIZE_LF;
	return HTTP_FAULT_NONE;
}

/* What must come around chunk data, and what follows it. */
struct frame {
	uint8_t byte;
	enum http_state next;
};

static const struct frame frames[] = {
	[HTTP_ST_SIZE_LF] = { '\n', HTTP_ST_CHUNK },
	[HTTP_ST_CHUNK_CR] = { '\r', HTTP_ST_CHUNK_LF },
	[HTTP_ST_CHUNK_LF] = { '\n', HTTP_ST_SIZE },
	[HTTP_ST_LAST_CR] = { '\r', HTTP_ST_LAST_LF },
	[HTTP_ST_LAST_LF] = { '\n', HTTP_ST_DONE },
};

static void
start_size(struct http_parser *parser)
{
	parser->left = 0;
	parser->n_digits = 0;
	parser->state = HTTP_ST_SIZE;
}

static enum http_fault
feed_frame(struct http_parser *parser, uint8_t c)
{
	const struct frame *frame = &frames[parser->state];

	if (c != frame->byte)
		return HTTP_FAULT_MALFORMED;
	parser->state = frame->next;
	if (parser->state == HTTP_ST_SIZE)
		start_size(parser);
	if (parser->state != HTTP_ST_CHUNK)
		return HTTP_FAULT_NONE;
	if (parser->left > parser->body.size_max - parser->body.len)
		return HTTP_FAULT_BODY_SIZE;
	if (parser->left == 0)
		parser->state = HTTP_ST_LAST_CR;
	return HTTP_FAULT_NONE;
}

static enum http_fault
feed_some(struct http_parser *parser, struct span in, size_t *used)
{
	switch (parser->state) {
	case HTTP_ST_LINE:
	case HTTP_ST_FIELDS:
		return feed_line(parser, in, used);
	case HTTP_ST_BODY:
	case HTTP_ST_CHUNK:
		return feed_data(parser, in, used);
	case HTTP_ST_SIZE:
		*used += 1;
		return feed_size(parser, in.data[0]);
	default:
		*used += 1;
		return feed_frame(parser, in.data[0]);
	}
}

/* What the caller has to do in this state; MORE where bytes are wanted. */
static enum http_step
step_of(const struct http_parser *parser)
{
	switch (parser->state) {
	case HTTP_ST_HEAD:
		return HTTP_STEP_HEAD;
	case HTTP_ST_DONE:
		return HTTP_STEP_DONE;
	case HTTP_ST_FAILED:
		return HTTP_STEP_FAILED;
	default:
		return HTTP_STEP_MORE;
	}
}

enum http_step
http_parser_feed(struct http_parser *parser, struct span in, size_t *ret_used)
{
	size_t used = 0;

	while (used < in.len && step_of(parser) == HTTP_STEP_MORE) {
		enum http_fault fault =
			feed_some(parser, span_skip(in, used), &used);

		if (fault != HTTP_FAULT_NONE)
			fail(parser, fault);
	}
	*ret_used = used;
	return step_of(parser);
}

enum http_step
http_parser_accept_body(struct http_parser *parser, size_t body_max)
{
	size_t first =
		parser->left < BODY_FIRST ? (size_t)parser->left : BODY_FIRST;

	parser->body.size_max = body_max;
	if (parser->chunked)
		start_size(parser);
	else if (parser->left > body_max)
		fail(parser, HTTP_FAULT_BODY_SIZE);
	else if (parser->left == 0)
		parser->state = HTTP_ST_DONE;
	else if (buf_reserve(&parser->body, first) == NULL)
		fail(parser, HTTP_FAULT_MEMORY);
	else
		parser->state = HTTP_ST_BODY;
	return step_of(parser);
}
