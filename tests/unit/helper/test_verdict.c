/* What module and helper say to each other: whole, or a refusal. */
#include "helper/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NONCE "0123456789abcdef0123456789abcdef"
#define OTHER "0123456789abcdef0123456789abcdee"
#define ALLOW "sallyport " NONCE " allow otp 10.0.0.7 r -\n"

static void
fill_frame(struct verdict_frame *frame)
{
	*frame = (struct verdict_frame){ .nonce = NONCE,
		.user = span_str("deploy"),
		.rhost = span_str("192.0.2.1"),
		.otp = secret_view_of("x-y", 3),
		.timeout_ms = 10000,
		.dev = true };
}

static void
a_frame_is_read_as_it_was_written(void **state)
{
	struct verdict_frame frame, got;
	struct err err = { 0 };
	struct buf out;

	(void)state;
	fill_frame(&frame);
	buf_init(&out, VERDICT_FRAME_MAX);
	assert_int_equal(verdict_frame_write(&frame, &out, &err), 0);
	assert_int_equal(verdict_frame_read(buf_span(&out), &got, &err), 0);
	assert_string_equal(got.nonce, NONCE);
	assert_true(span_equal(got.user, frame.user));
	assert_true(span_equal(got.rhost, frame.rhost));
	assert_int_equal(got.otp.len, 3);
	assert_memory_equal(got.otp.data, "x-y", 3);
	assert_int_equal(got.timeout_ms, 10000);
	assert_true(got.dev);
	assert_false(got.debug);
	buf_clear(&out);
}

static void
a_frame_that_is_cut_or_longer_is_refused(void **state)
{
	struct verdict_frame frame, got;
	struct err err = { 0 };
	struct buf out;

	(void)state;
	fill_frame(&frame);
	buf_init(&out, VERDICT_FRAME_MAX);
	assert_int_equal(verdict_frame_write(&frame, &out, &err), 0);
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(
			verdict_frame_read(span_of(out.data, len), &got, &err),
			ERR_INPUT);
	assert_int_equal(buf_add_char(&out, 'x'), 0);
	assert_int_equal(
		verdict_frame_read(buf_span(&out), &got, &err), ERR_INPUT);
	buf_clear(&out);
}

static void
a_frame_with_too_long_a_name_is_refused(void **state)
{
	static char name[VERDICT_FRAME_MAX + 1];
	struct verdict_frame frame;
	struct err err = { 0 };
	struct buf out;

	(void)state;
	memset(name, 'a', VERDICT_FRAME_MAX);
	fill_frame(&frame);
	frame.user = span_str(name);
	buf_init(&out, VERDICT_FRAME_MAX);
	assert_int_equal(verdict_frame_write(&frame, &out, &err), ERR_LIMIT);
	buf_clear(&out);
}

static uint32_t
verdict_of(const char *text)
{
	struct verdict_line line;

	verdict_line_read(NONCE, span_str(text), &line);
	return line.verdict;
}

static void
a_line_is_read_as_it_was_written(void **state)
{
	struct verdict_line line = { .verdict = VERDICT_DENY,
		.role = "web hosts",
		.ip = "10.0.0.7",
		.request_id = "",
		.why = "two\nlines\033[31m" };
	struct verdict_line got;
	struct err err = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, VERDICT_LINE_MAX);
	assert_int_equal(verdict_line_write(NONCE, &line, &out, &err), 0);
	verdict_line_read(NONCE, buf_span(&out), &got);
	assert_true(got.verdict == VERDICT_DENY);
	assert_string_equal(got.role, "web?hosts");
	assert_string_equal(got.ip, "10.0.0.7");
	assert_string_equal(got.request_id, "");
	assert_string_equal(got.why, "two lines?[31m");
	buf_clear(&out);
}

static void
only_the_one_line_with_the_nonce_is_a_yes(void **state)
{
	static const char *const bad[] = {
		"", "\n", "allow", "allow\n",
		"sallyport " NONCE " allow otp 10.0.0.7 r -",
		"sallyport " OTHER " allow otp 10.0.0.7 r -\n", ALLOW ALLOW,
		ALLOW "\n", "\n" ALLOW, " " ALLOW, "Sallyport " ALLOW,
		"sallyport " NONCE " ALLOW otp 10.0.0.7 r -\n",
		"sallyport " NONCE " allowed otp 10.0.0.7 r -\n",
		"sallyport " NONCE "  allow otp 10.0.0.7 r -\n",
		"sallyport " NONCE " allow otp 10.0.0.7\n",
		"sallyport " NONCE " allow\n",
		"sallyport " NONCE " allow o\033p 10.0.0.7 r -\n",
		"sallyport " NONCE " allow o\377p 10.0.0.7 r -\n",
		"sallyport " NONCE
		" allow otp 1234567890123456789012345678901234567890123456789012345678901234 r -\n"
	};

	(void)state;
	assert_true(verdict_of(ALLOW) == VERDICT_ALLOW);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(verdict_of(bad[i]) == VERDICT_UNAVAILABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_read_as_it_was_written),
		cmocka_unit_test(a_frame_that_is_cut_or_longer_is_refused),
		cmocka_unit_test(a_frame_with_too_long_a_name_is_refused),
		cmocka_unit_test(a_line_is_read_as_it_was_written),
		cmocka_unit_test(only_the_one_line_with_the_nonce_is_a_yes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
