/* The audit chain: what it finds, and the one thing that it forgives. */
#include "lib/auditline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/signing.h"

#define N_LINES 12

static uint8_t public_key[AUDITLINE_PUBLIC];
static struct secret *key;

/* A log of N_LINES lines; each fourth one is signed, so the last is too. */
struct log {
	struct buf lines[40];
	size_t n;
	struct auditline_head head;
};

static void
log_add(struct log *log, const char *body, bool is_signed)
{
	struct buf *line = &log->lines[log->n++];

	buf_init(line, 2000);
	assert_int_equal(auditline_append(line, span_str(body), &log->head,
				 is_signed ? key : NULL, NULL),
		0);
	assert_int_equal(line->data[line->len - 1], '\n');
	line->data[--line->len] = '\0';
}

static void
log_add_raw(struct log *log, const char *text)
{
	struct buf *line = &log->lines[log->n++];

	buf_init(line, 2000);
	buf_add_str(line, text);
}

static void
log_fill(struct log *log)
{
	int i;

	*log = (struct log){ 0 };
	for (i = 1; i <= N_LINES; i++) {
		char body[100];

		(void)snprintf(body, sizeof(body),
			"{\"time\":\"t%d\",\"type\":\"request\"}", i);
		log_add(log, body, i % 4 == 0);
	}
}

static void
log_clear(struct log *log)
{
	size_t i;

	for (i = 0; i < log->n; i++)
		buf_clear(&log->lines[i]);
}

static struct auditline_report
check_log(const struct log *log, const char *torn)
{
	struct auditline_check *check = auditline_check_new(public_key);
	struct auditline_report report;
	size_t i;

	assert_non_null(check);
	for (i = 0; i < log->n; i++)
		(void)auditline_check_line(check, buf_span(&log->lines[i]));
	auditline_check_end(check, span_str(torn));
	report = *auditline_check_report(check);
	auditline_check_free(&check);
	assert_null(check);
	return report;
}

static int
setup(void **state)
{
	(void)state;
	key = signing_key_new(public_key);
	return key == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	secret_free(&key);
	return 0;
}

static void
the_tail_has_its_fixed_form(void **state)
{
	struct log log = { 0 };
	char zeros[65];

	(void)state;
	memset(zeros, '0', 64);
	zeros[64] = '\0';
	log_add(&log, "{\"a\":1}", false);
	log_add(&log, "{}", true);
	assert_true(span_has_prefix(buf_span(&log.lines[0]),
		span_str("{\"a\":1,\"seq\":1,\"link\":\"0000")));
	assert_non_null(strstr(buf_str(&log.lines[0]), zeros));
	assert_int_equal(log.lines[0].len,
		strlen("{\"a\":1,\"seq\":1,\"link\":\"\"}") + 64);
	assert_true(span_has_prefix(
		buf_span(&log.lines[1]), span_str("{\"seq\":2,\"link\":\"")));
	assert_int_equal(log.lines[1].len,
		strlen("{\"seq\":2,\"link\":\"\",\"sig\":\"\"}") + 64 + 88);
	assert_int_equal(log.head.seq, 2);
	log_clear(&log);
}

static void
a_whole_log_is_good(void **state)
{
	struct auditline_report report;
	struct log log;

	(void)state;
	log_fill(&log);
	report = check_log(&log, "");
	assert_int_equal(report.bad_line, 0);
	assert_int_equal(report.lines, N_LINES);
	assert_int_equal(report.signatures, 3);
	assert_int_equal(report.first_seq, 1);
	assert_int_equal(report.last_seq, N_LINES);
	assert_true(report.signed_to_end);
	assert_string_equal(report.why, "");
	log_clear(&log);
}

static void
every_deletion_but_of_an_end_is_found(void **state)
{
	size_t cut;

	(void)state;
	for (cut = 1; cut < N_LINES - 1; cut++) {
		struct auditline_report report;
		struct log log;

		log_fill(&log);
		buf_clear(&log.lines[cut]);
		memmove(&log.lines[cut], &log.lines[cut + 1],
			(N_LINES - cut - 1) * sizeof(log.lines[0]));
		log.n--;
		report = check_log(&log, "");
		assert_int_equal(report.bad_line, cut + 1);
		assert_false(report.signed_to_end);
		assert_true(report.why[0] != '\0');
		log_clear(&log);
	}
}

static void
an_end_that_is_cut_shows_in_numbers(void **state)
{
	struct auditline_report report;
	struct log log;

	(void)state;
	log_fill(&log);
	buf_clear(&log.lines[--log.n]);
	report = check_log(&log, "");
	assert_int_equal(report.bad_line, 0);
	assert_false(report.signed_to_end);
	assert_int_equal(report.last_seq, N_LINES - 1);
	log_clear(&log);
}

static void
every_changed_byte_is_found(void **state)
{
	struct log log;
	size_t i, at;

	(void)state;
	log_fill(&log);
	for (i = 0; i < N_LINES; i++) {
		for (at = 0; at < log.lines[i].len; at++) {
			struct auditline_report report;

			log.lines[i].data[at] ^= 0x01;
			report = check_log(&log, "");
			assert_int_not_equal(report.bad_line, 0);
			log.lines[i].data[at] ^= 0x01;
		}
	}
	assert_int_equal(check_log(&log, "").bad_line, 0);
	log_clear(&log);
}

static void
every_swap_is_found(void **state)
{
	struct log log;
	size_t a, b;

	(void)state;
	log_fill(&log);
	for (a = 0; a < N_LINES; a++) {
		for (b = a + 1; b < N_LINES; b++) {
			struct buf kept = log.lines[a];

			log.lines[a] = log.lines[b];
			log.lines[b] = kept;
			assert_int_not_equal(check_log(&log, "").bad_line, 0);
			log.lines[b] = log.lines[a];
			log.lines[a] = kept;
		}
	}
	log_clear(&log);
}

static void
a_repeated_or_foreign_line_is_found(void **state)
{
	struct log log;
	size_t at;

	(void)state;
	for (at = 1; at < N_LINES; at++) {
		log_fill(&log);
		memmove(&log.lines[at + 1], &log.lines[at],
			(N_LINES - at) * sizeof(log.lines[0]));
		buf_init(&log.lines[at], 2000);
		buf_add_span(&log.lines[at],
			at % 2 == 0 ? span_str("{\"forged\":1}")
				    : buf_span(&log.lines[at - 1]));
		log.n++;
		assert_int_equal(check_log(&log, "").bad_line, at + 1);
		log_clear(&log);
	}
}

static void
a_log_signed_by_another_key_is_refused(void **state)
{
	struct log log;

	(void)state;
	log_fill(&log);
	public_key[5] ^= 1;
	assert_int_equal(check_log(&log, "").bad_line, 4);
	public_key[5] ^= 1;
	log_clear(&log);
}

#define START_TORN "{\"type\":\"start\",\"time\":\"t\",\"torn\":true}"
#define START "{\"type\":\"start\",\"time\":\"t\"}"

static void
a_torn_line_passes_only_before_a_start_line(void **state)
{
	static const struct {
		const char *torn, *body;
		uint64_t bad_line;
	} rows[] = {
		{ "{\"time\":\"t1", START_TORN, 0 },
		{ "", START_TORN, 0 },
		{ "{\"time\":\"t1", START, N_LINES + 1 },
		{ "{\"time\":\"t1", "{\"type\":\"request\",\"torn\":true}",
			N_LINES + 1 },
		{ "{\"time\":\"t1",
			"{\"time\":\"t\",\"type\":\"start\",\"torn\":true}",
			N_LINES + 1 },
		{ NULL, START_TORN, N_LINES + 1 },
		{ NULL, START, 0 },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct auditline_report report;
		struct log log;

		log_fill(&log);
		if (rows[i].torn != NULL)
			log_add_raw(&log, rows[i].torn);
		log_add(&log, rows[i].body, true);
		report = check_log(&log, "");
		assert_int_equal(report.bad_line, rows[i].bad_line);
		assert_int_equal(report.signed_to_end, rows[i].bad_line == 0);
		log_clear(&log);
	}
}

/* A power cut took a page out of the last line, but neither of its ends. */
static void
a_line_with_a_hole_is_torn(void **state)
{
	struct auditline_report report;
	struct auditline_head head;
	struct buf *last = NULL;
	struct log log;

	(void)state;
	log_fill(&log);
	head = log.head;
	log_add(&log, "{\"time\":\"t\",\"type\":\"response\"}", true);
	last = &log.lines[log.n - 1];
	assert_true(auditline_head_of(buf_span(last), &log.head));
	memset(last->data + 5, 0, 8);
	assert_false(auditline_head_of(buf_span(last), &log.head));
	assert_int_equal(check_log(&log, "").bad_line, N_LINES + 1);
	log.head = head;
	log_add(&log, START_TORN, true);
	report = check_log(&log, "");
	assert_int_equal(report.bad_line, 0);
	assert_int_equal(report.torn_lines, 1);
	log_clear(&log);
}

static void
two_torn_starts_in_a_row_pass(void **state)
{
	struct auditline_report report;
	struct log log;

	(void)state;
	log_fill(&log);
	log_add_raw(&log, "{\"time\":\"t1");
	log_add_raw(&log, "{\"type\":\"start\",\"to");
	log_add(&log, START_TORN, true);
	report = check_log(&log, "");
	assert_int_equal(report.bad_line, 0);
	assert_int_equal(report.torn_lines, 2);
	assert_int_equal(report.lines, N_LINES + 1);
	log_clear(&log);
}

static void
a_rest_without_newline_is_noted_and_no_error(void **state)
{
	struct auditline_report report;
	struct log log;

	(void)state;
	log_fill(&log);
	report = check_log(&log, "{\"time\":");
	assert_int_equal(report.bad_line, 0);
	assert_int_equal(report.torn_lines, 1);
	assert_false(report.signed_to_end);
	/* The whole last line, its newline alone missing. */
	log.n--;
	report = check_log(&log, buf_str(&log.lines[log.n]));
	log.n++;
	assert_int_equal(report.lines, N_LINES);
	assert_true(report.signed_to_end);
	log_clear(&log);
}

static void
a_torn_line_that_ends_the_log_is_broken(void **state)
{
	struct log log;

	(void)state;
	log_fill(&log);
	log_add_raw(&log, "{\"time\":");
	assert_int_equal(check_log(&log, "").bad_line, N_LINES + 1);
	log_clear(&log);
}

static void
files_are_checked_one_after_the_other(void **state)
{
	struct auditline_check *check = auditline_check_new(public_key);
	struct log log;
	size_t i;

	(void)state;
	log_fill(&log);
	log_add(&log, START, true);
	log_add(&log, "{\"b\":1}", true);
	for (i = 0; i < log.n; i++) {
		if (i == N_LINES)
			auditline_check_end(check, span_str("{\"torn"));
		assert_true(
			auditline_check_line(check, buf_span(&log.lines[i])));
	}
	auditline_check_end(check, SPAN_NONE);
	assert_int_equal(auditline_check_report(check)->bad_line, 0);
	assert_int_equal(auditline_check_head(check).seq, log.n);
	auditline_check_free(&check);

	/* The same without a start line behind the torn end. */
	check = auditline_check_new(public_key);
	for (i = 0; i < 3; i++)
		(void)auditline_check_line(check, buf_span(&log.lines[i]));
	auditline_check_end(check, span_str("{\"torn"));
	assert_false(auditline_check_line(check, buf_span(&log.lines[3])));
	assert_int_equal(auditline_check_report(check)->bad_line, 5);
	auditline_check_free(&check);
	log_clear(&log);
}

static void
a_log_may_begin_anywhere_but_number_one_has_no_past(void **state)
{
	struct auditline_report report;
	struct log log = { 0 };

	(void)state;
	log.head.seq = 41;
	log.head.link[0] = 9;
	log_add(&log, "{}", true);
	report = check_log(&log, "");
	assert_int_equal(report.bad_line, 0);
	assert_int_equal(report.first_seq, 42);
	log_clear(&log);
	log = (struct log){ 0 };
	log.head.link[0] = 9;
	log_add(&log, "{}", true);
	assert_int_equal(check_log(&log, "").bad_line, 1);
	log_clear(&log);
}

static void
a_head_is_read_from_a_whole_line_only(void **state)
{
	struct auditline_head head;
	struct log log;

	(void)state;
	log_fill(&log);
	assert_true(
		auditline_head_of(buf_span(&log.lines[N_LINES - 1]), &head));
	assert_int_equal(head.seq, N_LINES);
	assert_memory_equal(head.link, log.head.link, AUDITLINE_HASH);
	assert_false(auditline_head_of(SPAN_NONE, &head));
	assert_false(auditline_head_of(span_str("{\"a\":1}"), &head));
	assert_false(auditline_head_of(
		span_of(log.lines[0].data, log.lines[0].len - 1), &head));
	log_clear(&log);
}

static void
a_failed_append_leaves_buffer_and_head_alone(void **state)
{
	struct auditline_head head = { .seq = 5 };
	struct buf buf;

	(void)state;
	buf_init(&buf, 60);
	buf_add_str(&buf, "before");
	assert_int_equal(
		auditline_append(&buf, span_str("{}"), &head, NULL, NULL),
		ERR_LIMIT);
	assert_int_equal(buf.len, 6);
	assert_int_equal(head.seq, 5);
	buf_clear(&buf);
	assert_int_equal(
		auditline_append(&buf, span_str("[]"), &head, NULL, NULL),
		ERR_INTERNAL);
	buf_clear(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tail_has_its_fixed_form),
		cmocka_unit_test(a_whole_log_is_good),
		cmocka_unit_test(every_deletion_but_of_an_end_is_found),
		cmocka_unit_test(an_end_that_is_cut_shows_in_numbers),
		cmocka_unit_test(every_changed_byte_is_found),
		cmocka_unit_test(every_swap_is_found),
		cmocka_unit_test(a_repeated_or_foreign_line_is_found),
		cmocka_unit_test(a_log_signed_by_another_key_is_refused),
		cmocka_unit_test(a_torn_line_passes_only_before_a_start_line),
		cmocka_unit_test(a_line_with_a_hole_is_torn),
		cmocka_unit_test(two_torn_starts_in_a_row_pass),
		cmocka_unit_test(a_rest_without_newline_is_noted_and_no_error),
		cmocka_unit_test(a_torn_line_that_ends_the_log_is_broken),
		cmocka_unit_test(files_are_checked_one_after_the_other),
		cmocka_unit_test(
			a_log_may_begin_anywhere_but_number_one_has_no_past),
		cmocka_unit_test(a_head_is_read_from_a_whole_line_only),
		cmocka_unit_test(a_failed_append_leaves_buffer_and_head_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
