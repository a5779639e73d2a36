/*
 * Requests that others read in two ways, each with the one verdict that is
 * allowed here, however the bytes are cut (reliability.md L70).
 */
#include "server/http/parser.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/support/figures.h"
#include "tests/unit/http/vectors.h"

#define BODY_MAX 64
#define LINE_MAX_LEN 16384
#define VERDICT_MAX 256

/* A stream's verdicts so far, as the tables write them. */
struct verdicts {
	char text[64 * VERDICT_MAX];
	size_t len;
};

struct reader {
	struct http_parser parser;
	struct verdicts got;
	bool is_over; /* refused: nothing is taken any more */
};

static void
add_verdict(struct verdicts *verdicts, const char *text)
{
	int n = snprintf(verdicts->text + verdicts->len,
		sizeof(verdicts->text) - verdicts->len, "%s%s",
		verdicts->len > 0 ? " | " : "", text);

	assert_true(n > 0);
	verdicts->len += (size_t)n;
	assert_true(verdicts->len < sizeof(verdicts->text));
}

static void
describe(const struct http_parser *parser, enum http_step step,
	char out[VERDICT_MAX])
{
	const char *method = http_method_name(parser->method);
	struct span body = http_parser_body(parser);

	if (step == HTTP_STEP_FAILED)
		(void)snprintf(out, VERDICT_MAX, "%d",
			http_fault_status(parser->fault));
	else
		(void)snprintf(out, VERDICT_MAX, "ok %s%s%s%.*s",
			method[0] != '\0' ? method : "OTHER",
			parser->close ? " close" : "",
			body.len > 0 ? " body=" : "", (int)body.len,
			body.len > 0 ? (const char *)body.data : "");
}

/* Take bytes as a connection does: request after request, until a refusal. */
static void
feed(struct reader *reader, struct span in)
{
	char verdict[VERDICT_MAX];

	while (in.len > 0 && !reader->is_over) {
		size_t used = 0;
		enum http_step step =
			http_parser_feed(&reader->parser, in, &used);

		assert_true(used <= in.len);
		in = span_skip(in, used);
		if (step == HTTP_STEP_HEAD)
			step = http_parser_accept_body(
				&reader->parser, BODY_MAX);
		if (step == HTTP_STEP_MORE)
			continue;
		describe(&reader->parser, step, verdict);
		add_verdict(&reader->got, verdict);
		reader->is_over = step == HTTP_STEP_FAILED;
		if (!reader->is_over)
			http_parser_reset(&reader->parser);
	}
}

static void
finish(struct reader *reader)
{
	if (!reader->is_over && !http_parser_is_idle(&reader->parser))
		add_verdict(&reader->got, "more");
}

static bool
contains(struct span text, struct span word)
{
	return memmem(text.data, text.len, word.data, word.len) != NULL;
}

/* What stands before the bar, which goes with it; all where there is none. */
static struct span
take_until(struct span *rest, const char *bar)
{
	const uint8_t *at = memmem(rest->data, rest->len, bar, strlen(bar));
	size_t len = at != NULL ? (size_t)(at - rest->data) : rest->len;
	struct span first = span_of(rest->data, len);

	*rest = span_skip(*rest, at != NULL ? len + strlen(bar) : len);
	return first;
}

/* Each word that the table wants is a word of what was got. */
static bool
matches_one(struct span wanted, struct span got)
{
	struct span close = span_str("close");

	if (contains(wanted, close) != contains(got, close))
		return false;
	while (wanted.len > 0)
		if (!contains(got, take_until(&wanted, " ")))
			return false;
	return true;
}

static bool
matches(const char *all_wanted, const char *all_got)
{
	struct span wanted = span_str(all_wanted), got = span_str(all_got);

	while (wanted.len > 0 && got.len > 0)
		if (!matches_one(take_until(&wanted, " | "),
			    take_until(&got, " | ")))
			return false;
	return wanted.len == got.len;
}

/* Read the bytes in pieces: step bytes a call behind the first. */
static bool
check_cut(char *columns[3], struct span in, size_t first, size_t step)
{
	static struct reader reader;
	bool good;

	reader.got.len = 0;
	reader.got.text[0] = '\0';
	reader.is_over = false;
	http_parser_init(&reader.parser);
	feed(&reader, span_of(in.data, first < in.len ? first : in.len));
	for (size_t at = first; at < in.len; at += step) {
		struct span rest = span_skip(in, at);

		feed(&reader,
			span_of(rest.data, rest.len < step ? rest.len : step));
	}
	finish(&reader);
	/* A table's "more" for no bytes at all. */
	good = in.len == 0 ? reader.got.len == 0
			   : matches(columns[1], reader.got.text);
	if (!good)
		print_message("# %s (cut at %zu, then by %zu): wanted %s, "
			      "got %s\n",
			columns[0], first, step, columns[1], reader.got.text);
	http_parser_clear(&reader.parser);
	return good;
}

/* Whole, byte by byte, and in two at each place where that can matter. */
static bool
check_row(char *columns[3])
{
	static const size_t steps[] = { 1, 2, 3, 7, 1000 };
	struct buf bytes;
	struct span in;
	bool good;

	buf_init(&bytes, 1 << 20);
	vector_unescape(columns[2], strlen(columns[2]), &bytes);
	assert_int_equal(bytes.rc, 0);
	in = buf_span(&bytes);
	good = check_cut(columns, in, in.len, 1);
	for (size_t i = 0; good && i < ARRAY_LEN(steps); i++)
		good = check_cut(columns, in, 0, steps[i]);
	for (size_t at = 1; good && at < in.len;
		at += in.len < 512 || at < 64 || in.len - at < 64 ? 1 : 61)
		good = check_cut(columns, in, at, in.len);
	buf_clear(&bytes);
	return good;
}

static size_t
check_file(const char *name, size_t *failures)
{
	static char line[LINE_MAX_LEN];
	char *columns[3];
	FILE *file = vector_open(name);
	size_t n = 0;

	assert_non_null(file);
	for (; vector_next(file, line, sizeof(line), columns); n++)
		*failures += !check_row(columns);
	(void)fclose(file);
	return n;
}

static void
each_request_gets_its_only_verdict(void **state UNUSED)
{
	size_t failures = 0, n = check_file("requests.txt", &failures);

	figures_report("L70", n, failures, "requests, cut at every byte");
	assert_int_equal(failures, 0);
	assert_true(n >= 600);
}

static void
each_request_of_a_stream_gets_its_only_verdict(void **state UNUSED)
{
	size_t failures = 0, n = check_file("pipelines.txt", &failures);

	figures_report("L70", n, failures, "streams of requests");
	assert_int_equal(failures, 0);
	assert_true(n >= 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_gets_its_only_verdict),
		cmocka_unit_test(
			each_request_of_a_stream_gets_its_only_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
