/* Lines of authorized_keys as sshd reads them; one put in, one taken out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/authorized_keys.h"

#define BASE64                                                                 \
	"AAAAC3NzaC1lZDI1NTE5AAAAIJJxtJeGsp9WmVmSaFVnrgI4tjQ5KV/vTY2bf6pBDzgl"
#define KEY "ssh-ed25519 " BASE64
#define OTHER                                                                  \
	"ssh-ed25519 "                                                         \
	"AAAAC3NzaC1lZDI1NTE5AAAAIB0nPnVBQbCiB7jMoq9K9uW8yVx3c1u2Ckx1T3ZbKz4h"
#define LINE "from=\"10.0.0.0/8\" " KEY " sallyport:tag"
#define TEXT_MAX 4096

static const struct line_case {
	const char *text, *options, *comment;
	bool has_key;
} lines[] = {
	{ "", "", "", false },
	{ "   \t", "", "", false },
	{ "# " KEY, "", "", false },
	{ KEY, "", "", true },
	{ KEY " me@host", "", "me@host", true },
	{ " \t" KEY "\t two  words \r", "", "two  words", true },
	{ "ssh-ed25519 \t" BASE64, "", "", true },
	{ "no-pty " KEY " x", "no-pty", "x", true },
	{ "command=\"a b\",no-pty " KEY, "command=\"a b\",no-pty", "", true },
	{ "command=\"a \\\" b\" " KEY, "command=\"a \\\" b\"", "", true },
	{ "command=\"" KEY "\" " KEY, "command=\"" KEY "\"", "", true },
	/* Quotes that do not end, a name that is not the blob's, no blob. */
	{ "command=\"a " KEY, "", "", false },
	{ "ssh-rsa " BASE64, "", "", false },
	{ "ssh-ed25519 AAAA", "", "", false },
	{ "ssh-ed25519 " BASE64 "=", "", "", false },
	{ "a b " KEY, "", "", false },
	{ BASE64, "", "", false },
};

static void
a_line_is_read_as_sshd_reads_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		const struct line_case *want = &lines[i];
		struct span rest = span_str(want->text);
		struct authorized_line line = { .text = SPAN_NONE };

		if (authorized_keys_next(&rest, &line) !=
			(want->text[0] != '\0'))
			fail_msg("%s", want->text);
		if ((line.key.len > 0) != want->has_key ||
			authorized_line_has(&line, KEY) != want->has_key ||
			!span_equal(line.options, span_str(want->options)) ||
			!span_equal(line.comment, span_str(want->comment)) ||
			!span_equal(line.text, span_str(want->text)))
			fail_msg("%s", want->text);
		assert_false(authorized_line_has(&line, OTHER));
		assert_false(authorized_line_has(&line, ""));
	}
}

/* What becomes of a text when LINE is put into it, and KEY taken out. */
static const struct edit_case {
	const char *before, *with, *without;
	size_t n;
} edits[] = {
	{ "", LINE "\n", "", 0 },
	{ OTHER, OTHER "\n" LINE, OTHER, 0 },
	{ OTHER "\n", OTHER "\n" LINE "\n", OTHER "\n", 0 },
	{ "\n", "\n" LINE "\n", "\n", 0 },
	{ "# a\r\n\n \t\n", "# a\r\n\n \t\n" LINE "\n", "# a\r\n\n \t\n", 0 },
	/* Replaced where it stood; other options and comments do not matter. */
	{ KEY, LINE, "", 1 },
	{ KEY "\n", LINE "\n", "", 1 },
	{ OTHER "\nno-pty " KEY " x\n" OTHER "\n",
		OTHER "\n" LINE "\n" OTHER "\n", OTHER "\n" OTHER "\n", 1 },
	{ KEY " a\n" OTHER "\n" KEY " b", LINE "\n" OTHER, OTHER, 2 },
	{ "a\n\n" KEY, "a\n\n" LINE, "a\n\n", 1 },
	{ "# " KEY "\n", "# " KEY "\n" LINE "\n", "# " KEY "\n", 0 },
};

static void
other_lines_stay_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		const struct edit_case *edit = &edits[i];
		struct buf out;
		size_t n = 99;

		buf_init(&out, TEXT_MAX);
		assert_int_equal(authorized_keys_put(span_str(edit->before),
					 LINE, &out, NULL),
			0);
		assert_string_equal(buf_str(&out), edit->with);
		buf_reset(&out);
		assert_int_equal(authorized_keys_drop(span_str(edit->before),
					 KEY " whatever", &out, &n, NULL),
			0);
		assert_string_equal(buf_str(&out), edit->without);
		assert_int_equal(n, edit->n);
		buf_clear(&out);
	}
}

static void
what_is_no_line_with_a_key_is_not_put(void **state)
{
	static const char *const bad[] = { "", "x", "# " KEY, KEY "\n",
		KEY "\n" OTHER, "\n" KEY, KEY " a\rb", "command=\"\n" KEY };
	struct buf out;

	(void)state;
	buf_init(&out, TEXT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
			authorized_keys_put(SPAN_NONE, bad[i], &out, NULL),
			ERR_INPUT);
		assert_int_equal(out.len, 0);
	}
	buf_clear(&out);
}

static void
a_text_past_the_bound_is_an_error(void **state)
{
	struct buf out;
	size_t n = 99;

	(void)state;
	buf_init(&out, sizeof(LINE) / 2);
	assert_int_equal(
		authorized_keys_put(SPAN_NONE, LINE, &out, NULL), ERR_LIMIT);
	buf_clear(&out);
	buf_init(&out, sizeof(OTHER) / 2);
	assert_int_equal(
		authorized_keys_drop(span_str(OTHER), KEY, &out, &n, NULL),
		ERR_LIMIT);
	assert_int_equal(n, 99);
	buf_clear(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_read_as_sshd_reads_it),
		cmocka_unit_test(other_lines_stay_byte_for_byte),
		cmocka_unit_test(what_is_no_line_with_a_key_is_not_put),
		cmocka_unit_test(a_text_past_the_bound_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
