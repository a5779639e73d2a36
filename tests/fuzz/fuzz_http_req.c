/*
 * Any bytes as a request, whole and cut in two places: same verdict, same
 * request; fields lie within the head and hold no control byte.
 */
#include <stdlib.h>
#include <string.h>

#include "server/http/parser.h"

#define BODY_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_step
feed(struct http_parser *parser, struct span in, size_t *ret_used)
{
	enum http_step step = HTTP_STEP_MORE;
	size_t at = 0, used = 0;

	do {
		step = http_parser_feed(parser, span_skip(in, at), &used);
		at += used;
		if (step == HTTP_STEP_HEAD)
			step = http_parser_accept_body(parser, BODY_MAX);
	} while (step == HTTP_STEP_MORE && at < in.len);
	*ret_used = at;
	return step;
}

static void
check_fields(const struct http_parser *parser)
{
	for (size_t i = 0; i < parser->n_fields; i++) {
		struct span name = http_parser_name(parser, i);
		struct span value = http_parser_value(parser, i);

		if (name.len == 0 || name.data[name.len] != '\0' ||
			value.data[value.len] != '\0' ||
			value.data + value.len >=
				parser->head.data + parser->head.len)
			abort();
		for (size_t j = 0; j < value.len; j++)
			if (value.data[j] < ' ' && value.data[j] != '\t')
				abort();
	}
}

/* The caps of reliability.md section 6, the verb (L12), one framing (L70). */
static void
check_limits(const struct http_parser *parser)
{
	struct span token = http_parser_find(parser, "x-vault-token");

	if ((unsigned)parser->method > HTTP_OTHER ||
		parser->head.len > HTTP_HEAD_MAX ||
		parser->n_fields > HTTP_FIELDS_MAX ||
		http_parser_body(parser).len > BODY_MAX)
		abort();
	if ((parser->state == HTTP_ST_FAILED) !=
		(parser->fault != HTTP_FAULT_NONE))
		abort();
	if (parser->state < HTTP_ST_HEAD || parser->state == HTTP_ST_FAILED)
		return;
	if (token.len > HTTP_TOKEN_MAX || parser->target.len == 0 ||
		(parser->chunked && parser->has_length) ||
		(parser->http10 && (parser->chunked || !parser->close)) ||
		(!parser->http10 &&
			http_parser_find(parser, "host").data == NULL))
		abort();
}

static bool
same(const struct http_parser *a, const struct http_parser *b)
{
	if (a->state != b->state || a->fault != b->fault ||
		a->method != b->method || a->close != b->close ||
		a->n_fields != b->n_fields ||
		!span_equal(http_parser_body(a), http_parser_body(b)))
		return false;
	for (size_t i = 0; i < a->n_fields; i++)
		if (!span_equal(
			    http_parser_value(a, i), http_parser_value(b, i)))
			return false;
	return a->state < HTTP_ST_HEAD ||
		span_equal(http_parser_target(a), http_parser_target(b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_parser whole, cut;
	struct span in = span_of(data, size);
	size_t at = size > 0 ? data[size - 1] % size : 0;
	size_t used_whole = 0, used_cut = 0, used = 0;
	enum http_step step;

	http_parser_init(&whole);
	http_parser_init(&cut);
	step = feed(&whole, in, &used_whole);
	if (feed(&cut, span_of(data, at), &used_cut) == HTTP_STEP_MORE &&
		used_cut == at) {
		(void)feed(&cut, span_skip(in, at), &used);
		used_cut += used;
	}
	if (!same(&whole, &cut))
		abort();
	if (step == HTTP_STEP_DONE && used_whole != used_cut)
		abort();
	check_limits(&whole);
	check_fields(&whole);
	http_parser_clear(&whole);
	http_parser_clear(&cut);
	return 0;
}
