/*
 * Any bytes as a chunked body, beside a second reading of the same rules that
 * looks at the whole at once.
 */
#include <stdlib.h>
#include <string.h>

#include "server/http/parser.h"

#define BODY_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "1f\r\n" at in: its value and length; 0 where it is none or not whole. */
static size_t
read_size(struct span in, uint64_t *ret_size)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	uint64_t n = 0;
	size_t i = 0;

	for (; i < in.len && i < 16; i++) {
		const char *digit =
			in.data[i] != 0 ? strchr(digits, in.data[i]) : NULL;

		if (digit == NULL)
			break;
		n = n * 16 + (uint64_t)(digit - digits) % 16;
	}
	if (i == 0 || in.len < i + 2 || memcmp(in.data + i, "\r\n", 2) != 0)
		return 0;
	*ret_size = n;
	return i + 2;
}

/* The body and how many bytes it took; false where it is not whole. */
static bool
decode(struct span in, struct buf *body, size_t *ret_used)
{
	struct span rest = in;

	for (;;) {
		uint64_t size = 0;
		size_t n = read_size(rest, &size);

		if (n == 0)
			return false;
		rest = span_skip(rest, n);
		if (size > rest.len || rest.len - size < 2 ||
			memcmp(rest.data + size, "\r\n", 2) != 0)
			return false;
		if (buf_add(body, rest.data, (size_t)size) != 0)
			return false;
		rest = span_skip(rest, (size_t)size + 2);
		*ret_used = in.len - rest.len;
		if (size == 0)
			return true;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "POST / HTTP/1.1\r\nHost:\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	struct http_parser parser;
	struct buf body;
	size_t used = 0, wanted_used = 0;
	bool is_whole, wanted;

	buf_init(&body, BODY_MAX);
	http_parser_init(&parser);
	(void)http_parser_feed(&parser, span_str(head), &used);
	(void)http_parser_accept_body(&parser, BODY_MAX);
	is_whole = http_parser_feed(&parser, span_of(data, size), &used) ==
		HTTP_STEP_DONE;
	wanted = decode(span_of(data, size), &body, &wanted_used);
	if (is_whole != wanted)
		abort();
	if (is_whole &&
		(used != wanted_used ||
			!span_equal(
				http_parser_body(&parser), buf_span(&body))))
		abort();
	http_parser_clear(&parser);
	buf_clear(&body);
	return 0;
}
