/* The broker with file devices: lines, chain, files that move, refusals. */
#include "audit/audit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/audit/scratch.h"

/* How often text stands in the file. */
static unsigned
count(struct scratch *s, const char *path, const char *text)
{
	const char *at = scratch_read(s, path);
	unsigned n = 0;

	while ((at = strstr(at, text)) != NULL) {
		at += strlen(text);
		n++;
	}
	return n;
}

/* All of the file is one good chain, signed to its end. */
static void
assert_chain(
	struct scratch *s, const char *name, const char *path, uint64_t lines)
{
	struct audit_device_status status = scratch_status(s, name);
	struct auditline_check *check = auditline_check_new(status.public_key);
	const struct auditline_report *report = auditline_check_report(check);
	struct auditline_head head;

	assert_true(scratch_check(check, path));
	auditline_check_end(check, SPAN_NONE);
	assert_int_equal(report->bad_line, 0);
	assert_int_equal(report->lines, lines);
	assert_true(report->signed_to_end);
	head = auditline_check_head(check);
	assert_int_equal(head.seq, status.head.seq);
	assert_memory_equal(head.link, status.head.link, AUDITLINE_HASH);
	auditline_check_free(&check);
}

static void
without_a_device_everything_succeeds(void **state)
{
	struct scratch *s = *state;

	assert_false(audit_is_enabled(s->audit));
	assert_int_equal(scratch_request(s, "id"), 0);
	assert_int_equal(scratch_response(s, "id"), 0);
}

static void
enabling_writes_a_signed_test_line(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");

	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	assert_true(audit_is_enabled(s->audit));
	assert_int_equal(count(s, path, "\"type\":\"request\""), 1);
	assert_int_equal(count(s, path, "\"path\":\"sys/audit/test\""), 1);
	assert_chain(s, "a", path, 1);
}

static void
skip_test_writes_nothing(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");

	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	assert_string_equal(scratch_read(s, path), "");
}

static void
lines_are_chained_and_hold_no_secret(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	char hash[80];

	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	assert_int_equal(scratch_request(s, "id-1"), 0);
	assert_int_equal(scratch_response(s, "id-1"), 0);
	assert_int_equal(count(s, path, "\"id\":\"id-1\""), 2);
	assert_int_equal(count(s, path, "CANARY"), 0);
	assert_int_equal(audit_hash(s->audit, "a/", span_str("CANARY-token"),
				 hash, NULL),
		0);
	assert_int_equal(count(s, path, hash), 2);
	assert_chain(s, "a", path, 3);
}

static void
both_lines_of_a_request_stand_behind_each_other(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log"), *text = NULL;
	const char *request = NULL, *response = NULL;

	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	assert_int_equal(scratch_both(s, "id-1"), 0);
	text = scratch_read(s, path);
	request = strstr(text, "\"type\":\"request\"");
	response = strstr(text, "\"type\":\"response\"");
	assert_non_null(request);
	assert_non_null(response);
	assert_true(request < response);
	assert_int_equal(count(s, path, "\"id\":\"id-1\""), 2);
	assert_int_equal(scratch_status(s, "a").head.seq, 2);
	assert_chain(s, "a", path, 2);
}

static void
every_device_gets_every_line_with_hashes_of_its_own(void **state)
{
	struct scratch *s = *state;
	const char *paths[] = { scratch_path(s, "a.log"),
		scratch_path(s, "b.log") };
	char hash[80];

	assert_int_equal(scratch_enable(s, "b", paths[1], false), 0);
	assert_int_equal(scratch_enable(s, "a", paths[0], false), 0);
	assert_int_equal(scratch_request(s, "id-1"), 0);
	assert_int_equal(scratch_response(s, "id-1"), 0);
	/* The other device may lag; closing it writes what is queued. */
	assert_int_equal(audit_hash(s->audit, "a/", span_str("CANARY-token"),
				 hash, NULL),
		0);
	audit_disable(s->audit, "a/");
	audit_disable(s->audit, "b/");
	assert_int_equal(count(s, paths[0], "\"id\":\"id-1\""), 2);
	assert_int_equal(count(s, paths[1], "\"id\":\"id-1\""), 2);
	assert_int_equal(count(s, paths[0], hash), 2);
	assert_int_equal(count(s, paths[1], hash), 0);
}

static void
hash_of_an_unknown_device_is_refused(void **state)
{
	struct scratch *s = *state;
	char hash[80];

	assert_int_equal(
		audit_hash(s->audit, "x/", span_str("a"), hash, &s->err),
		ERR_ABSENT);
	assert_int_equal(s->err.status, 400);
	assert_string_equal(s->err.message, "unknown audit backend \"x/\"");
}

#define THREADS 16
#define ROUNDS 60

struct crowd {
	struct scratch *s;
	atomic_int failed;
	atomic_int running;
};

static void *
log_many(void *ctx)
{
	struct crowd *crowd = ctx;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (scratch_request(crowd->s, "crowd") != 0 ||
			scratch_response(crowd->s, "crowd") != 0)
			atomic_fetch_add(&crowd->failed, 1);
	}
	atomic_fetch_sub(&crowd->running, 1);
	return NULL;
}

/* Take the file away by rename or, keeping a second name, by unlink. */
static void
move_away(const char *path, const char *to, bool unlink_it)
{
	if (unlink_it) {
		assert_int_equal(link(path, to), 0);
		assert_int_equal(unlink(path), 0);
	} else {
		assert_int_equal(rename(path, to), 0);
	}
}

/* Wait until somebody created the file anew, or no line will come. */
static void
wait_for_file(const char *path, const struct crowd *crowd)
{
	while (access(path, F_OK) != 0 && atomic_load(&crowd->running) > 0)
		(void)usleep(1000);
}

static void
no_line_is_lost_while_the_file_is_renamed_and_unlinked(void **state)
{
	struct scratch *s = *state;
	struct crowd crowd = { .s = s, .running = THREADS };
	const char *path = scratch_path(s, "a.log");
	const char *parts[200];
	struct auditline_check *check = NULL;
	const struct auditline_report *report = NULL;
	pthread_t threads[THREADS];
	unsigned lines = 0, reopened = 0;
	size_t i, n = 0;

	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, log_many, &crowd), 0);
	while (atomic_load(&crowd.running) > 0 && n < ARRAY_LEN(parts) - 1) {
		parts[n] = arena_printf(s->arena, "%s.%zu", path, n);
		move_away(path, parts[n], n % 2 == 1);
		n++;
		wait_for_file(path, &crowd);
		if (access(path, F_OK) != 0)
			break;
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&crowd.failed), 0);
	/* One more, so that a file stands there again. */
	assert_int_equal(scratch_response(s, "last"), 0);
	parts[n++] = path;
	check = auditline_check_new(scratch_status(s, "a").public_key);
	report = auditline_check_report(check);
	for (i = 0; i < n; i++) {
		assert_true(scratch_check(check, parts[i]));
		lines += count(s, parts[i], "\"id\":\"crowd\"");
		reopened += count(s, parts[i],
			"\"reason\":\"device reopened\",\"missed\":0");
	}
	auditline_check_end(check, SPAN_NONE);
	assert_int_equal(report->bad_line, 0);
	assert_true(report->signed_to_end);
	assert_int_equal(lines, 2 * THREADS * ROUNDS);
	assert_int_equal(reopened, n - 1);
	assert_true(n > 1);
	auditline_check_free(&check);
}

static void
reopening_after_a_rename_goes_on_in_a_new_file(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	const char *old = scratch_path(s, "a.log.1");
	struct crowd crowd = { .running = 1 };

	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	assert_int_equal(rename(path, old), 0);
	audit_reopen(s->audit);
	wait_for_file(path, &crowd);
	assert_int_equal(scratch_response(s, "id"), 0);
	assert_int_equal(count(s, path, "{\"type\":\"start\","), 1);
	assert_int_equal(count(s, path, "\"seq\":2,"), 1);
}

/* The file of a device that wrote two lines, then whatever is appended. */
static struct auditline_head
leave_behind(struct scratch *s, const char *path, const char *rest)
{
	struct auditline_head head;
	FILE *file = NULL;

	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	assert_int_equal(scratch_response(s, "before"), 0);
	head = scratch_status(s, "a").head;
	audit_disable_all(s->audit);
	file = fopen(path, "ae");
	assert_non_null(file);
	assert_true(fputs(rest, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return head;
}

static void
a_torn_line_is_closed_and_told(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");

	(void)leave_behind(s, path, "{\"time\":\"2026-11-21T");
	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	assert_int_equal(scratch_response(s, "after"), 0);
	assert_int_equal(
		count(s, path, "{\"time\":\"2026-11-21T\n{\"type\":\"start\","),
		1);
	assert_int_equal(count(s, path,
				 "\"reason\":\"device opened\",\"missed\":0,"
				 "\"torn\":true,\"seq\":3"),
		1);
	assert_chain(s, "a", path, 4);
}

static void
write_zeros(const char *path, long from, size_t n)
{
	FILE *file = fopen(path, "r+e");

	assert_non_null(file);
	assert_int_equal(fseek(file, from, SEEK_SET), 0);
	for (; n > 0; n--)
		assert_int_equal(fputc('\0', file), 0);
	assert_int_equal(fclose(file), 0);
}

/* What a power cut may do to lines that no sync covered: line is not there. */
static void
lose_line(struct scratch *s, const char *path, const char *line)
{
	const char *text = scratch_read(s, path), *at = strstr(text, line);
	const char *start = NULL;

	assert_non_null(at);
	start = memrchr(text, '\n', (size_t)(at - text));
	write_zeros(path, start - text + 1, (size_t)(strchr(at, '\n') - start));
}

/* … or a part of it is not, while both of its ends are. */
static void
a_line_with_a_hole_is_torn(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	const char *text = NULL;

	(void)leave_behind(s, path, "");
	text = scratch_read(s, path);
	write_zeros(path, strstr(text, "\"before\"") - text, 8);
	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	assert_int_equal(scratch_response(s, "after"), 0);
	assert_chain(s, "a", path, 3);
}

static void
what_stands_behind_a_gap_is_not_of_the_chain(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	struct audit_wanted wanted[] = { { "before", false }, { "gap", false },
		{ "later", false } };

	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	assert_int_equal(scratch_response(s, "before"), 0);
	assert_int_equal(scratch_response(s, "gap"), 0);
	assert_int_equal(scratch_response(s, "later"), 0);
	assert_int_equal(scratch_response(s, "last"), 0);
	audit_disable_all(s->audit);
	lose_line(s, path, "\"gap\"");
	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	audit_find_responses(s->audit, wanted, ARRAY_LEN(wanted));
	assert_true(wanted[0].found);
	assert_false(wanted[1].found);
	assert_false(wanted[2].found);
	assert_int_equal(scratch_response(s, "after"), 0);
	assert_chain(s, "a", path, 4);
}

static void
the_chain_is_found_in_the_file_that_was_renamed(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	const char *older = scratch_path(s, "a.log.2");
	const char *old = scratch_path(s, "a.log.1");
	struct audit_device_config config =
		scratch_config(s, "a", path, NULL, NULL);
	struct auditline_check *check = NULL;

	/* What the store knows lies two files back. */
	config.head = leave_behind(s, path, "");
	assert_int_equal(rename(path, older), 0);
	assert_int_equal(audit_enable(s->audit, &config, true, NULL), 0);
	assert_int_equal(scratch_response(s, "one"), 0);
	audit_disable_all(s->audit);
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(audit_enable(s->audit, &config, true, NULL), 0);
	assert_int_equal(scratch_response(s, "two"), 0);
	check = auditline_check_new(scratch_status(s, "a").public_key);
	assert_true(scratch_check(check, older));
	assert_true(scratch_check(check, old));
	assert_true(scratch_check(check, path));
	auditline_check_end(check, SPAN_NONE);
	assert_int_equal(auditline_check_report(check)->bad_line, 0);
	assert_int_equal(auditline_check_report(check)->lines, 6);
	auditline_check_free(&check);
}

static void
a_last_line_that_lacks_only_its_newline_is_kept(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	struct stat st;

	(void)leave_behind(s, path, "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	assert_int_equal(scratch_response(s, "after"), 0);
	assert_int_equal(count(s, path, "\"torn\":true"), 0);
	assert_chain(s, "a", path, 4);
}

static void
the_chain_goes_on_from_the_later_of_head_and_file(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	const char *fresh = scratch_path(s, "fresh.log");
	struct audit_device_config config =
		scratch_config(s, "a", fresh, NULL, NULL);

	config.head = leave_behind(s, path, "");
	/* The file is gone: from the head. */
	assert_int_equal(audit_enable(s->audit, &config, true, NULL), 0);
	assert_int_equal(scratch_response(s, "after"), 0);
	assert_int_equal(count(s, fresh, "\"seq\":3,"), 1);
	audit_disable_all(s->audit);
	/* The head is older than the file: from the file. */
	assert_int_equal(audit_enable(s->audit, &config, true, NULL), 0);
	assert_int_equal(scratch_response(s, "again"), 0);
	assert_chain(s, "a", fresh, 4);
}

static void
refusals_have_the_peers_texts(void **state)
{
	static const struct {
		const char *type, *option, *text, *message;
	} cases[] = {
		{ "filee", NULL, NULL, "unknown backend type: \"filee\"" },
		{ "file", "format", "xml", "unknown format type \"xml\"" },
		{ "file", "format", "jsonx",
			"unknown format type \"jsonx\": jsonx is not supported" },
		{ "file", "prefix", "#!/bin/sh", "prefix is not supported" },
		{ "file", "mode", "rw", "invalid mode \"rw\"" },
		{ "file", "mode", "0699", "invalid mode \"0699\"" },
		{ "file", "log_raw", "maybe",
			"strconv.ParseBool: parsing \"maybe\": invalid syntax" },
		{ "file", "file_path", "", "file_path is required" },
	};
	struct scratch *s = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct audit_device_config config =
			scratch_config(s, "a", scratch_path(s, "a.log"),
				cases[i].option, cases[i].text);

		config.type = cases[i].type;
		err_clear(&s->err);
		assert_int_equal(
			audit_enable(s->audit, &config, false, &s->err),
			ERR_INPUT);
		assert_int_equal(s->err.status, 400);
		assert_string_equal(s->err.message, cases[i].message);
	}
	assert_false(audit_is_enabled(s->audit));
	assert_int_not_equal(access(scratch_path(s, "a.log"), F_OK), 0);
}

static void
paths_in_use_and_nested_ones_are_refused(void **state)
{
	static const char *const names[] = { "a", "a/b" };
	struct scratch *s = *state;
	size_t i;

	assert_int_equal(
		scratch_enable(s, "a", scratch_path(s, "a.log"), true), 0);
	for (i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(scratch_enable(s, names[i],
					 scratch_path(s, "b.log"), true),
			ERR_EXISTS);
		assert_int_equal(s->err.status, 400);
		assert_string_equal(s->err.message, "path already in use");
	}
	assert_int_equal(
		scratch_enable(s, "ab", scratch_path(s, "ab.log"), true), 0);
	/* Nor do two devices share a file. */
	assert_int_equal(
		scratch_enable(s, "c", scratch_path(s, "ab.log"), true),
		ERR_EXISTS);
	assert_non_null(strstr(s->err.message, "the device ab/ writes to it"));
}

static void
options_change_what_is_hashed(void **state)
{
	struct scratch *s = *state;
	const char *raw = scratch_path(s, "raw.log");
	const char *half = scratch_path(s, "half.log");
	struct audit_device_config config =
		scratch_config(s, "raw", raw, "log_raw", "1");

	assert_int_equal(audit_enable(s->audit, &config, false, NULL), 0);
	config = scratch_config(s, "half", half, "hmac_accessor", "false");
	assert_int_equal(audit_enable(s->audit, &config, false, NULL), 0);
	assert_int_equal(scratch_request(s, "id"), 0);
	audit_disable_all(s->audit);
	assert_int_equal(count(s, raw, "CANARY"), 3);
	assert_int_equal(count(s, half, "CANARY"), 1);
	assert_int_equal(count(s, half, "\"CANARY-accessor\""), 1);
}

static void
responses_are_found_by_request_id(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	struct audit_wanted wanted[] = { { "answere", false },
		{ "answered", false }, { "asked", false } };
	int i;

	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	assert_int_equal(scratch_request(s, "asked"), 0);
	assert_int_equal(scratch_request(s, "answered"), 0);
	assert_int_equal(scratch_response(s, "answered"), 0);
	for (i = 0; i < 200; i++)
		assert_int_equal(scratch_request(s, "later"), 0);
	audit_find_responses(s->audit, wanted, ARRAY_LEN(wanted));
	assert_false(wanted[0].found);
	assert_true(wanted[1].found);
	assert_false(wanted[2].found);
}

static void
discard_takes_lines_and_keeps_none(void **state)
{
	struct scratch *s = *state;

	assert_int_equal(scratch_enable(s, "a", "discard", false), 0);
	assert_int_equal(scratch_request(s, "id"), 0);
	assert_int_equal(scratch_response(s, "id"), 0);
	assert_int_equal(scratch_status(s, "a").head.seq, 3);
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_device_everything_succeeds),
		TEST(enabling_writes_a_signed_test_line),
		TEST(skip_test_writes_nothing),
		TEST(lines_are_chained_and_hold_no_secret),
		TEST(both_lines_of_a_request_stand_behind_each_other),
		TEST(every_device_gets_every_line_with_hashes_of_its_own),
		TEST(hash_of_an_unknown_device_is_refused),
		TEST(no_line_is_lost_while_the_file_is_renamed_and_unlinked),
		TEST(reopening_after_a_rename_goes_on_in_a_new_file),
		TEST(a_torn_line_is_closed_and_told),
		TEST(a_line_with_a_hole_is_torn),
		TEST(what_stands_behind_a_gap_is_not_of_the_chain),
		TEST(the_chain_is_found_in_the_file_that_was_renamed),
		TEST(a_last_line_that_lacks_only_its_newline_is_kept),
		TEST(the_chain_goes_on_from_the_later_of_head_and_file),
		TEST(refusals_have_the_peers_texts),
		TEST(paths_in_use_and_nested_ones_are_refused),
		TEST(options_change_what_is_hashed),
		TEST(responses_are_found_by_request_id),
		TEST(discard_takes_lines_and_keeps_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
