/*
 * The request parser: what it offers of a request, and its caps. Its verdicts
 * are those of test_corpus.
 */
#include "server/http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BODY_MAX 64

/* Feed all of in, at most step bytes a call; *ret_used counts. */
static enum http_step
feed_all(struct http_parser *parser, struct span in, size_t step,
	size_t *ret_used)
{
	enum http_step got = HTTP_STEP_MORE;
	size_t at = 0, used = 0;

	while (at < in.len && got == HTTP_STEP_MORE) {
		struct span rest = span_skip(in, at);

		if (rest.len > step)
			rest.len = step;
		got = http_parser_feed(parser, rest, &used);
		assert_true(used <= rest.len);
		at += used;
		if (got == HTTP_STEP_MORE)
			assert_int_equal(used, rest.len);
		if (got == HTTP_STEP_HEAD)
			got = http_parser_accept_body(parser, BODY_MAX);
	}
	*ret_used = at;
	return got;
}

static void
parser_refuses_each_control_byte_at_each_place(void **state UNUSED)
{
	static const char good[] =
		"POST /v1/x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
	struct http_parser parser;
	size_t used = 0;

	for (unsigned c = 0; c < 256; c++) {
		if (c == '\t' || (c >= 0x20 && c != 0x7f))
			continue;
		for (size_t at = 0; at < sizeof(good) - 1; at++) {
			char text[sizeof(good)];

			memcpy(text, good, sizeof(good));
			if (text[at] == (char)c)
				continue;
			text[at] = (char)c;
			http_parser_init(&parser);
			assert_int_equal(
				feed_all(&parser,
					span_of(text, sizeof(good) - 1),
					sizeof(good), &used),
				HTTP_STEP_FAILED);
			assert_int_equal(parser.fault, HTTP_FAULT_MALFORMED);
			http_parser_clear(&parser);
		}
	}
}

static void
assert_span(struct span got, const char *wanted)
{
	assert_int_equal(got.len, strlen(wanted));
	assert_memory_equal(got.data, wanted, got.len);
}

static void
parser_takes_the_path_out_of_an_absolute_target(void **state UNUSED)
{
	static const char *const rows[][2] = {
		{ "GET http://h:8200/ HTTP/1.1\r\nHost: h\r\n\r\n", "/" },
		{ "GET https://h/v1/x HTTP/1.1\r\nHost: h\r\n\r\n", "/v1/x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_parser parser;
		size_t used;

		http_parser_init(&parser);
		assert_int_equal(
			feed_all(&parser, span_str(rows[i][0]), 1000, &used),
			HTTP_STEP_DONE);
		assert_span(http_parser_target(&parser), rows[i][1]);
		http_parser_clear(&parser);
	}
}

static void
parser_offers_target_fields_and_body(void **state UNUSED)
{
	static const char text[] = "PUT /v1/ssh/verify?x=1 HTTP/1.1\r\n"
				   "HOST: h\r\nX-Vault-Token:  s.abc \r\n"
				   "Empty:\r\nContent-Length: 4\r\n\r\nbody";
	struct http_parser parser;
	size_t used = 0;

	http_parser_init(&parser);
	assert_true(http_parser_is_idle(&parser));
	assert_int_equal(
		feed_all(&parser, span_str(text), 1000, &used), HTTP_STEP_DONE);
	assert_false(http_parser_is_idle(&parser));
	assert_int_equal(parser.n_fields, 4);
	assert_span(http_parser_target(&parser), "/v1/ssh/verify?x=1");
	assert_span(http_parser_name(&parser, 1), "x-vault-token");
	assert_string_equal(http_parser_value(&parser, 1).data, "s.abc");
	assert_string_equal(http_parser_name(&parser, 1).data, "x-vault-token");
	assert_span(http_parser_find(&parser, "empty"), "");
	assert_non_null(http_parser_find(&parser, "empty").data);
	assert_null(http_parser_find(&parser, "absent").data);
	assert_span(http_parser_body(&parser), "body");
	http_parser_clear(&parser);
}

static void
parser_stops_behind_one_request_and_takes_the_next(void **state UNUSED)
{
	static const char one[] = "POST /v1/a HTTP/1.1\r\nHost: h\r\n"
				  "Content-Length: 2\r\n\r\nab";
	static const char two[] = "GET /v1/b HTTP/1.1\r\nHost: h\r\n\r\n";
	char both[sizeof(one) + sizeof(two)];
	struct http_parser parser;
	size_t used = 0;

	(void)snprintf(both, sizeof(both), "%s%s", one, two);
	http_parser_init(&parser);
	assert_int_equal(
		feed_all(&parser, span_str(both), 1000, &used), HTTP_STEP_DONE);
	assert_int_equal(used, strlen(one));
	http_parser_reset(&parser);
	assert_true(http_parser_is_idle(&parser));
	assert_int_equal(
		feed_all(&parser, span_skip(span_str(both), used), 1000, &used),
		HTTP_STEP_DONE);
	assert_int_equal(used, strlen(two));
	assert_int_equal(parser.method, HTTP_GET);
	assert_span(http_parser_target(&parser), "/v1/b");
	assert_int_equal(http_parser_body(&parser).len, 0);
	http_parser_clear(&parser);
}

static void
parser_erases_a_token_where_asked(void **state UNUSED)
{
	static const char text[] = "GET /v1/a HTTP/1.1\r\nHost: h\r\n"
				   "X-Vault-Token: s.secret\r\n\r\n";
	struct http_parser parser;
	size_t used = 0;

	http_parser_init(&parser);
	(void)feed_all(&parser, span_str(text), 1000, &used);
	http_parser_scrub(&parser, "x-vault-token");
	assert_int_equal(http_parser_find(&parser, "x-vault-token").len, 0);
	assert_null(memmem(parser.head.data, parser.head.len, "secret", 6));
	assert_span(http_parser_find(&parser, "host"), "h");
	http_parser_clear(&parser);
}

static void
parser_refuses_a_large_body_before_it_comes(void **state UNUSED)
{
	static const char head[] = "POST /v1/a HTTP/1.1\r\nHost: h\r\n"
				   "Content-Length: 1073741824\r\n\r\n";
	struct http_parser parser;
	size_t used = 0;

	http_parser_init(&parser);
	assert_int_equal(http_parser_feed(&parser, span_str(head), &used),
		HTTP_STEP_HEAD);
	assert_int_equal(
		http_parser_accept_body(&parser, 1 << 20), HTTP_STEP_FAILED);
	assert_int_equal(parser.fault, HTTP_FAULT_BODY_SIZE);
	assert_int_equal(parser.body.cap, 0);
	http_parser_clear(&parser);
}

static void
parser_reserves_little_for_a_large_promise(void **state UNUSED)
{
	static const char head[] = "POST /v1/a HTTP/1.1\r\nHost: h\r\n"
				   "Content-Length: 33554432\r\n\r\n";
	struct http_parser parser;
	size_t used = 0;

	http_parser_init(&parser);
	(void)http_parser_feed(&parser, span_str(head), &used);
	assert_int_equal(
		http_parser_accept_body(&parser, 33554432), HTTP_STEP_MORE);
	assert_true(parser.body.cap <= 1 << 18);
	http_parser_clear(&parser);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			parser_refuses_each_control_byte_at_each_place),
		cmocka_unit_test(
			parser_takes_the_path_out_of_an_absolute_target),
		cmocka_unit_test(parser_offers_target_fields_and_body),
		cmocka_unit_test(
			parser_stops_behind_one_request_and_takes_the_next),
		cmocka_unit_test(parser_erases_a_token_where_asked),
		cmocka_unit_test(parser_refuses_a_large_body_before_it_comes),
		cmocka_unit_test(parser_reserves_little_for_a_large_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
