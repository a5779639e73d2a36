/*
 * Every state of the request parser with every byte (reliability.md L66): the
 * few that it waits for lead on, all others end it, and what has ended or
 * waits for its caller takes none.
 */
#include "server/http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/figures.h"

#define BODY_MAX 64
#define LINE "POST /v1/x HTTP/1.1\r\n"
#define HOST "Host: h\r\n"
#define LENGTH LINE HOST "Content-Length: 2\r\n\r\n"
#define CHUNKED LINE HOST "Transfer-Encoding: chunked\r\n\r\n"
#define N_STATES (HTTP_ST_FAILED + 1)

/* Bytes that a state takes, and where each leads. */
struct edge {
	uint8_t from, to;
	enum http_state next;
};

/* What may stand in a line of the head: no control but the tab. */
#define TEXT(next)                                                             \
	{ '\t', '\t', next }, { 0x20, 0x7e, next },                            \
	{                                                                      \
		0x80, 0xff, next                                               \
	}
#define HEX(next)                                                              \
	{ '0', '9', next }, { 'a', 'f', next },                                \
	{                                                                      \
		'A', 'F', next                                                 \
	}
#define EDGES_MAX 6

struct situation {
	const char *name;
	const char *before; /* the bytes that lead there */
	enum http_state state;
	struct edge edges[EDGES_MAX];
	bool stays; /* takes nothing: it is its caller's turn */
};

static const struct situation situations[] = {
	{ "at the start", "", HTTP_ST_LINE,
		{ TEXT(HTTP_ST_LINE), { '\r', '\r', HTTP_ST_LINE } }, false },
	{ "in the request line", "POST /v1", HTTP_ST_LINE,
		{ TEXT(HTTP_ST_LINE), { '\r', '\r', HTTP_ST_LINE } }, false },
	{ "behind its CR", "POST /v1/x HTTP/1.1\r", HTTP_ST_LINE,
		{ { '\n', '\n', HTTP_ST_FIELDS } }, false },
	{ "behind the CR of a bad one", "POST /v1/x HTTP/1.1 \r", HTTP_ST_LINE,
		{ { 0 } }, false },
	{ "at a field", LINE, HTTP_ST_FIELDS,
		{ TEXT(HTTP_ST_FIELDS), { '\r', '\r', HTTP_ST_FIELDS } },
		false },
	{ "in a field", LINE "Ho", HTTP_ST_FIELDS,
		{ TEXT(HTTP_ST_FIELDS), { '\r', '\r', HTTP_ST_FIELDS } },
		false },
	{ "behind its CR", LINE "Host: h\r", HTTP_ST_FIELDS,
		{ { '\n', '\n', HTTP_ST_FIELDS } }, false },
	{ "behind the CR of a folded one", LINE HOST " a\r", HTTP_ST_FIELDS,
		{ { 0 } }, false },
	{ "before the last LF", LINE HOST "\r", HTTP_ST_FIELDS,
		{ { '\n', '\n', HTTP_ST_HEAD } }, false },
	{ "before the last LF, no host", LINE "\r", HTTP_ST_FIELDS, { { 0 } },
		false },
	{ "behind the head", LINE HOST "\r\n", HTTP_ST_HEAD, { { 0 } }, true },
	{ "in the body", LENGTH, HTTP_ST_BODY, { { 0x00, 0xff, HTTP_ST_BODY } },
		false },
	{ "at its last byte", LENGTH "a", HTTP_ST_BODY,
		{ { 0x00, 0xff, HTTP_ST_DONE } }, false },
	{ "at a size", CHUNKED, HTTP_ST_SIZE, { HEX(HTTP_ST_SIZE) }, false },
	{ "in a size", CHUNKED "2", HTTP_ST_SIZE,
		{ HEX(HTTP_ST_SIZE), { '\r', '\r', HTTP_ST_SIZE_LF } }, false },
	{ "behind sixteen digits", CHUNKED "0000000000000002", HTTP_ST_SIZE,
		{ { '\r', '\r', HTTP_ST_SIZE_LF } }, false },
	{ "behind a size's CR", CHUNKED "2\r", HTTP_ST_SIZE_LF,
		{ { '\n', '\n', HTTP_ST_CHUNK } }, false },
	{ "behind a zero's CR", CHUNKED "0\r", HTTP_ST_SIZE_LF,
		{ { '\n', '\n', HTTP_ST_LAST_CR } }, false },
	{ "in a chunk", CHUNKED "2\r\n", HTTP_ST_CHUNK,
		{ { 0x00, 0xff, HTTP_ST_CHUNK } }, false },
	{ "at its last byte", CHUNKED "2\r\na", HTTP_ST_CHUNK,
		{ { 0x00, 0xff, HTTP_ST_CHUNK_CR } }, false },
	{ "behind a chunk", CHUNKED "2\r\nab", HTTP_ST_CHUNK_CR,
		{ { '\r', '\r', HTTP_ST_CHUNK_LF } }, false },
	{ "behind a chunk's CR", CHUNKED "2\r\nab\r", HTTP_ST_CHUNK_LF,
		{ { '\n', '\n', HTTP_ST_SIZE } }, false },
	{ "behind the last chunk", CHUNKED "0\r\n", HTTP_ST_LAST_CR,
		{ { '\r', '\r', HTTP_ST_LAST_LF } }, false },
	{ "before its LF", CHUNKED "0\r\n\r", HTTP_ST_LAST_LF,
		{ { '\n', '\n', HTTP_ST_DONE } }, false },
	{ "behind a request", LENGTH "ab", HTTP_ST_DONE, { { 0 } }, true },
	{ "behind a refusal", "\n", HTTP_ST_FAILED, { { 0 } }, true },
};

static enum http_step
feed(struct http_parser *parser, struct span in, size_t *ret_used)
{
	enum http_step step = http_parser_feed(parser, in, ret_used);
	size_t used = 0;

	/* The situation "behind the head" is the one that has no body. */
	if (step != HTTP_STEP_HEAD || (!parser->chunked && !parser->has_length))
		return step;
	step = http_parser_accept_body(parser, BODY_MAX);
	if (step == HTTP_STEP_MORE && *ret_used < in.len)
		step = http_parser_feed(
			parser, span_skip(in, *ret_used), &used);
	*ret_used += used;
	return step;
}

static void
lead_to(struct http_parser *parser, const struct situation *situation)
{
	struct span before = span_str(situation->before);
	size_t used = 0;

	http_parser_init(parser);
	if (before.len > 0)
		(void)feed(parser, before, &used);
	assert_int_equal(used, before.len);
	assert_int_equal(parser->state, situation->state);
}

/* Where byte must lead; stays: nowhere, and it is not taken. */
static enum http_state
wanted_of(const struct situation *situation, uint8_t byte)
{
	if (situation->stays)
		return situation->state;
	for (size_t i = 0; i < EDGES_MAX; i++) {
		const struct edge *edge = &situation->edges[i];

		if (edge->to != 0 && byte >= edge->from && byte <= edge->to)
			return edge->next;
	}
	return HTTP_ST_FAILED;
}

static bool
leads_on(const struct situation *situation, uint8_t byte)
{
	enum http_state wanted = wanted_of(situation, byte);
	struct http_parser parser;
	size_t used = 0;
	bool good;

	lead_to(&parser, situation);
	(void)feed(&parser, span_of(&byte, 1), &used);
	good = parser.state == wanted && used == !situation->stays;
	if (!situation->stays && wanted == HTTP_ST_FAILED)
		good = good && parser.fault == HTTP_FAULT_MALFORMED;
	if (!good)
		print_message("# %s, byte %02x: state %d, wanted %d\n",
			situation->name, byte, (int)parser.state, (int)wanted);
	http_parser_clear(&parser);
	return good;
}

static void
each_byte_in_each_state_leads_on_or_ends_it(void **state UNUSED)
{
	bool seen[N_STATES] = { false };
	size_t n = 0, failures = 0;

	for (size_t i = 0; i < ARRAY_LEN(situations); i++) {
		seen[situations[i].state] = true;
		for (unsigned byte = 0; byte < 256; byte++, n++)
			failures += !leads_on(&situations[i], (uint8_t)byte);
	}
	for (size_t i = 0; i < N_STATES; i++)
		assert_true(seen[i]);
	figures_report("L66", n, failures, "states with bytes");
	assert_int_equal(failures, 0);
}

/* A refusal is final: no byte, and no promise of a body, brings it back. */
static void
nothing_brings_a_refused_request_back(void **state UNUSED)
{
	static const char good[] = LINE HOST "\r\n";
	size_t used;

	for (size_t i = 0; i < ARRAY_LEN(situations); i++) {
		struct http_parser parser;
		enum http_step step;

		if (situations[i].stays ||
			wanted_of(&situations[i], '\0') != HTTP_ST_FAILED)
			continue;
		lead_to(&parser, &situations[i]);
		(void)feed(&parser, span_of("", 1), &used);
		step = http_parser_feed(&parser, span_str(good), &used);
		assert_int_equal(step, HTTP_STEP_FAILED);
		assert_int_equal(used, 0);
		assert_int_equal(parser.state, HTTP_ST_FAILED);
		http_parser_clear(&parser);
	}
}

/* Reset, wherever it comes, leaves a parser like a new one. */
static void
reset_in_each_state_stands_at_a_request(void **state UNUSED)
{
	static const char good[] = LINE HOST "Content-Length: 1\r\n\r\na";

	for (size_t i = 0; i < ARRAY_LEN(situations); i++) {
		struct http_parser parser;
		size_t used = 0;

		lead_to(&parser, &situations[i]);
		http_parser_reset(&parser);
		assert_true(http_parser_is_idle(&parser));
		assert_int_equal(http_parser_body(&parser).len, 0);
		assert_int_equal(parser.n_fields, 0);
		assert_int_equal(
			feed(&parser, span_str(good), &used), HTTP_STEP_DONE);
		assert_int_equal(used, sizeof(good) - 1);
		http_parser_clear(&parser);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_in_each_state_leads_on_or_ends_it),
		cmocka_unit_test(nothing_brings_a_refused_request_back),
		cmocka_unit_test(reset_in_each_state_stands_at_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
