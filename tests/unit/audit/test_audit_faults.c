/* Devices that fail, block, and come back. */
#include "audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/audit/scratch.h"

#define SHORT_MS 300

enum sync_mode { SYNC_WORKS, SYNC_HANGS, SYNC_FAILS };

static atomic_int sync_mode;
static atomic_int n_hanging; /* calls that hang now */

/* Stands before libc's: a disk that hangs or fails as long as we say so. */
int
fdatasync(int fd)
{
	atomic_fetch_add(&n_hanging, 1);
	while (atomic_load(&sync_mode) == SYNC_HANGS)
		(void)usleep(1000);
	atomic_fetch_sub(&n_hanging, 1);
	if (atomic_load(&sync_mode) == SYNC_FAILS) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static int
setup_anywhere(void **state)
{
	struct scratch *s = NULL;
	int rc = scratch_setup(state);

	if (rc != 0)
		return rc;
	s = *state;
	s->settings.any_directory = true;
	scratch_restart(s, SCRATCH_PATIENT_MS);
	return 0;
}

/* A FIFO that takes nothing more; its reading end. */
static int
make_full_fifo(const char *path)
{
	static const char page[4096];
	int reader, writer;

	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0 && writer >= 0);
	while (write(writer, page, sizeof(page)) > 0)
		;
	(void)close(writer);
	return reader;
}

static void
drain(int fd)
{
	char buffer[65536];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
}

/* Requests until one is taken; how many were refused before. */
static unsigned
request_until_taken(struct scratch *s)
{
	unsigned refused = 0;

	while (scratch_request(s, "again") != 0) {
		refused++;
		(void)usleep(20000);
	}
	return refused;
}

/*
 * The device told how many lines it missed: no fewer than those that were
 * refused before, and, where the machine is so slow that it refuses what it
 * then writes, no more than all.
 */
static void
assert_recovered(const char *text, unsigned least, unsigned most)
{
	static const char words[] =
		"\"reason\":\"device recovered\",\"missed\":";
	const char *told = strstr(text, words);

	assert_non_null(told);
	assert_in_range(strtoul(told + strlen(words), NULL, 10), least, most);
}

/* All of the file is one chain with a signature at its end. */
static void
assert_good_chain(struct scratch *s, const char *path)
{
	struct auditline_check *check =
		auditline_check_new(scratch_status(s, "a").public_key);

	assert_true(scratch_check(check, path));
	auditline_check_end(check, SPAN_NONE);
	assert_int_equal(auditline_check_report(check)->bad_line, 0);
	assert_true(auditline_check_report(check)->signed_to_end);
	auditline_check_free(&check);
}

static void
a_full_disk_refuses_requests_and_answers(void **state)
{
	struct scratch *s = *state;

	assert_int_equal(scratch_enable(s, "a", "/dev/full", true), 0);
	assert_int_equal(scratch_request(s, "id"), ERR_AUDIT);
	assert_int_equal(scratch_response(s, "id"), ERR_AUDIT);
	assert_false(scratch_status(s, "a").healthy);
	assert_int_equal(scratch_status(s, "a").head.seq, 0);
	assert_int_equal(scratch_status(s, "a").lines_missed, 2);
}

static void
enabling_on_a_full_disk_says_why_it_cannot(void **state)
{
	struct scratch *s = *state;

	assert_int_equal(scratch_enable(s, "a", "/dev/full", false), ERR_INPUT);
	assert_int_equal(s->err.status, 400);
	assert_string_equal(s->err.message,
		"audit backend failed test message: write: No space left on device");
	assert_false(audit_is_enabled(s->audit));
}

static void
one_device_that_works_is_enough(void **state)
{
	struct scratch *s = *state;
	int i;

	assert_int_equal(scratch_enable(s, "a", "/dev/full", true), 0);
	assert_int_equal(
		scratch_enable(s, "b", scratch_path(s, "b.log"), true), 0);
	for (i = 0; i < 20; i++) {
		assert_int_equal(scratch_request(s, "id"), 0);
		assert_int_equal(scratch_response(s, "id"), 0);
	}
	assert_false(scratch_status(s, "a").healthy);
	assert_true(scratch_status(s, "b").healthy);
}

static void
a_blocked_device_refuses_at_its_deadline(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "fifo");
	int reader = make_full_fifo(path);

	scratch_restart(s, SHORT_MS);
	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	assert_int_equal(scratch_request(s, "id"), ERR_AUDIT);
	/* Known to be out by now. */
	assert_int_equal(scratch_response(s, "id"), ERR_AUDIT);
	assert_false(scratch_status(s, "a").healthy);
	(void)close(reader);
}

static void
both_lines_fail_together_and_are_both_missed(void **state)
{
	struct scratch *s = *state;

	assert_int_equal(scratch_enable(s, "a", "/dev/full", true), 0);
	assert_int_equal(scratch_both(s, "id"), ERR_AUDIT);
	assert_int_equal(scratch_status(s, "a").lines_missed, 2);
	/* Known to be out by now. */
	assert_int_equal(scratch_both(s, "id"), ERR_AUDIT);
	assert_int_equal(scratch_status(s, "a").lines_missed, 4);
}

static void
others_go_on_while_one_is_blocked(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "fifo");
	int reader = make_full_fifo(path), i;

	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	assert_int_equal(
		scratch_enable(s, "b", scratch_path(s, "b.log"), true), 0);
	for (i = 0; i < 50; i++) {
		assert_int_equal(scratch_request(s, "id"), 0);
		assert_int_equal(scratch_response(s, "id"), 0);
	}
	assert_int_equal(scratch_status(s, "b").head.seq, 100);
	(void)close(reader);
}

static void
a_device_comes_back_and_says_what_it_missed(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "fifo");
	int reader = make_full_fifo(path);
	char buffer[8192] = { 0 };
	unsigned refused;
	ssize_t n;

	scratch_restart(s, SHORT_MS);
	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	assert_int_equal(scratch_request(s, "id"), ERR_AUDIT);
	assert_int_equal(scratch_request(s, "id"), ERR_AUDIT);
	/* The first counts when the write itself has given up. */
	while (scratch_status(s, "a").lines_missed != 2)
		(void)usleep(1000);
	drain(reader);
	refused = request_until_taken(s);
	assert_true(scratch_status(s, "a").healthy);
	assert_int_equal(scratch_status(s, "a").lines_missed, 0);
	n = read(reader, buffer, sizeof(buffer) - 1);
	assert_true(n > 0);
	assert_int_equal(strncmp(buffer, "{\"type\":\"start\",", 16), 0);
	assert_recovered(buffer, 2, 2 + refused);
	assert_non_null(strstr(buffer, ",\"seq\":1,"));
	assert_non_null(strstr(buffer, "\"id\":\"again\""));
	(void)close(reader);
}

static void
a_reader_that_left_is_a_failure_not_a_signal(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "fifo");
	int reader;

	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	(void)close(reader);
	assert_int_equal(scratch_request(s, "id"), ERR_AUDIT);
	assert_int_equal(scratch_enable(s, "b", path, false), ERR_INPUT);
}

/* A directory that cannot be written in: the file cannot be made anew. */
static void
a_file_that_cannot_be_made_anew_puts_the_device_out(void **state)
{
	struct scratch *s = *state;
	const char *dir = scratch_path(s, "dir");
	const char *gone = scratch_path(s, "gone");
	const char *path = arena_printf(s->arena, "%s/a.log", dir);

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	assert_int_equal(rename(dir, gone), 0);
	assert_int_equal(scratch_request(s, "id"), ERR_AUDIT);
	assert_int_equal(rename(gone, dir), 0);
	(void)request_until_taken(s);
	assert_int_equal(scratch_response(s, "again"), 0);
	assert_non_null(strstr(
		scratch_read(s, path), "\"reason\":\"device recovered\""));
	assert_good_chain(s, path);
}

static void
a_disk_that_hangs_holds_nobody_past_the_deadline(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	unsigned refused;

	scratch_restart(s, SHORT_MS);
	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	atomic_store(&sync_mode, SYNC_HANGS);
	assert_int_equal(scratch_response(s, "hung"), ERR_AUDIT);
	assert_false(scratch_status(s, "a").healthy);
	assert_int_equal(scratch_request(s, "refused"), ERR_AUDIT);
	atomic_store(&sync_mode, SYNC_WORKS);
	refused = request_until_taken(s);
	while (scratch_response(s, "again") != 0)
		refused++;
	/* The line itself came out late; the refused ones are told of. */
	assert_non_null(strstr(scratch_read(s, path), "\"id\":\"hung\""));
	assert_recovered(scratch_read(s, path), 1, refused + 1);
	assert_int_equal(scratch_status(s, "a").lines_missed, 0);
	assert_good_chain(s, path);
}

static void
a_failed_sync_fails_the_answer_and_the_chain_goes_on(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");

	assert_int_equal(scratch_enable(s, "a", path, false), 0);
	atomic_store(&sync_mode, SYNC_FAILS);
	assert_int_equal(scratch_request(s, "id"), 0);
	assert_int_equal(scratch_response(s, "id"), ERR_AUDIT);
	assert_int_equal(scratch_status(s, "a").head.seq, 1);
	atomic_store(&sync_mode, SYNC_WORKS);
	(void)request_until_taken(s);
	assert_int_equal(scratch_response(s, "again"), 0);
	assert_good_chain(s, path);
}

/* A response line in a thread of its own, which waits in a hanging sync. */
struct hung {
	struct scratch *s;
	const char *id;
	pthread_t thread;
	int rc;
};

static void *
respond(void *ctx)
{
	struct hung *hung = ctx;

	hung->rc = scratch_response(hung->s, hung->id);
	return NULL;
}

static void
start_response(struct hung *hung)
{
	assert_int_equal(pthread_create(&hung->thread, NULL, respond, hung), 0);
}

/* A device, and a sync of it that hangs. */
static void
hang_in_sync(struct hung *hung, const char *path)
{
	assert_int_equal(scratch_enable(hung->s, "a", path, false), 0);
	atomic_store(&sync_mode, SYNC_HANGS);
	start_response(hung);
	while (atomic_load(&n_hanging) == 0)
		(void)usleep(1000);
}

static int
end_hanging(struct hung *hung, enum sync_mode mode)
{
	atomic_store(&sync_mode, mode);
	assert_int_equal(pthread_join(hung->thread, NULL), 0);
	return hung->rc;
}

static void
request_lines_are_taken_during_a_sync(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	struct hung first = { .s = s, .id = "first", .rc = 1 };
	struct hung second = { .s = s, .id = "second", .rc = 1 };
	uint64_t synced;

	hang_in_sync(&first, path);
	synced = scratch_status(s, "a").head.seq;
	start_response(&second);
	assert_int_equal(scratch_request(s, "meanwhile"), 0);
	assert_non_null(strstr(scratch_read(s, path), "\"id\":\"meanwhile\""));
	/* The other answer waits for a sync of its own, unwritten. */
	assert_null(strstr(scratch_read(s, path), "\"id\":\"second\""));
	assert_int_equal(scratch_status(s, "a").head.seq, synced);
	assert_int_equal(atomic_load(&n_hanging), 1);
	assert_int_equal(end_hanging(&first, SYNC_WORKS), 0);
	assert_int_equal(end_hanging(&second, SYNC_WORKS), 0);
	assert_int_equal(scratch_status(s, "a").head.seq, 4);
	assert_good_chain(s, path);
}

static void
the_head_is_of_the_last_synced_line(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	struct hung hung = { .s = s, .id = "first", .rc = 1 };

	hang_in_sync(&hung, path);
	assert_int_equal(scratch_request(s, "meanwhile"), 0);
	assert_int_equal(end_hanging(&hung, SYNC_WORKS), 0);
	assert_int_equal(scratch_status(s, "a").head.seq, 2);
	audit_disable_all(s->audit);
	assert_non_null(strstr(scratch_read(s, path), "\"seq\":3,"));
}

static void *
request(void *ctx)
{
	struct hung *hung = ctx;

	hung->rc = scratch_request(hung->s, hung->id);
	return NULL;
}

static void
reopening_waits_for_the_sync_under_way(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	const char *old = scratch_path(s, "a.log.1");
	struct hung hung = { .s = s, .id = "first", .rc = 1 };
	struct hung next = { .s = s, .id = "next", .rc = 1 };

	hang_in_sync(&hung, path);
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(pthread_create(&next.thread, NULL, request, &next), 0);
	(void)usleep(20000);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(end_hanging(&hung, SYNC_WORKS), 0);
	assert_int_equal(pthread_join(next.thread, NULL), 0);
	assert_int_equal(next.rc, 0);
	assert_non_null(strstr(scratch_read(s, old), "\"id\":\"first\""));
	assert_non_null(strstr(scratch_read(s, path), "\"id\":\"next\""));
}

static void
a_failed_sync_puts_out_what_was_written_meanwhile(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	struct hung hung = { .s = s, .id = "first", .rc = 1 };
	int i;

	hang_in_sync(&hung, path);
	for (i = 0; i < 20; i++)
		assert_int_equal(scratch_request(s, "meanwhile"), 0);
	assert_int_equal(end_hanging(&hung, SYNC_FAILS), ERR_AUDIT);
	assert_false(scratch_status(s, "a").healthy);
	assert_int_equal(scratch_status(s, "a").head.seq, 1);
	atomic_store(&sync_mode, SYNC_WORKS);
	(void)request_until_taken(s);
	assert_int_equal(scratch_response(s, "again"), 0);
	assert_good_chain(s, path);
}

/* What fails to be written while a sync hangs waits for that sync's end. */
static void
a_write_that_fails_during_a_sync_is_refused(void **state)
{
	struct scratch *s = *state;
	const char *dir = scratch_path(s, "dir");
	const char *gone = scratch_path(s, "gone");
	const char *path = arena_printf(s->arena, "%s/a.log", dir);
	struct hung hung = { .s = s, .id = "first", .rc = 1 };
	struct hung next = { .s = s, .id = "next", .rc = 0 };

	assert_int_equal(mkdir(dir, 0700), 0);
	hang_in_sync(&hung, path);
	assert_int_equal(rename(dir, gone), 0);
	assert_int_equal(pthread_create(&next.thread, NULL, request, &next), 0);
	(void)usleep(20000);
	assert_int_equal(end_hanging(&hung, SYNC_FAILS), ERR_AUDIT);
	assert_int_equal(pthread_join(next.thread, NULL), 0);
	assert_int_equal(next.rc, ERR_AUDIT);
	atomic_store(&sync_mode, SYNC_WORKS);
	assert_int_equal(rename(gone, dir), 0);
	(void)request_until_taken(s);
	assert_int_equal(scratch_response(s, "again"), 0);
	assert_good_chain(s, path);
}

struct told {
	sem_t told;
	int n, rc;
};

static void
tell(void *ctx, int rc)
{
	struct told *told = ctx;

	told->n++;
	told->rc = rc;
	(void)sem_post(&told->told);
}

static void
wait_until_told(struct audit_ticket *ticket, int rc)
{
	struct told told = { .rc = 1 };

	(void)sem_init(&told.told, 0, 0);
	audit_then(&ticket, tell, &told);
	assert_null(ticket);
	(void)sem_wait(&told.told);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.rc, rc);
}

static void
laid_lines_go_out_when_somebody_flushes(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	struct audit_ticket *tickets[3], *many[64];
	size_t i;

	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	for (i = 0; i < ARRAY_LEN(tickets); i++)
		tickets[i] = scratch_lay(s, "laid");
	audit_flush(s->audit);
	for (i = 0; i < ARRAY_LEN(tickets); i++)
		wait_until_told(tickets[i], 0);
	/* Who waits flushes; so does a line behind which there are no more. */
	tickets[0] = scratch_lay(s, "laid");
	assert_int_equal(audit_wait(s->audit, &tickets[0], NULL), 0);
	tickets[0] = scratch_lay(s, "laid");
	assert_int_equal(scratch_request(s, "last"), 0);
	wait_until_told(tickets[0], 0);
	/*
	 * Nor do many lie for long. Only the first is sure to have gone: a
	 * thread that comes late takes some, and too few are left for a wake.
	 */
	for (i = 0; i < ARRAY_LEN(many); i++)
		many[i] = scratch_lay(s, "laid");
	wait_until_told(many[0], 0);
	audit_flush(s->audit);
	for (i = 1; i < ARRAY_LEN(many); i++)
		wait_until_told(many[i], 0);
}

static void
who_does_not_wait_for_a_line_is_told_of_it(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");
	struct audit_ticket *ticket = NULL;

	/* No device, before and after it is written, and nobody takes it. */
	wait_until_told(scratch_begin(s, "none"), 0);
	assert_int_equal(scratch_enable(s, "a", path, true), 0);
	wait_until_told(scratch_begin(s, "soon"), 0);
	assert_non_null(strstr(scratch_read(s, path), "\"id\":\"soon\""));
	ticket = scratch_begin(s, "first");
	assert_int_equal(scratch_response(s, "second"), 0);
	wait_until_told(ticket, 0);
	audit_disable_all(s->audit);
	assert_int_equal(scratch_enable(s, "a", "/dev/full", true), 0);
	wait_until_told(scratch_begin(s, "full"), ERR_AUDIT);
	wait_until_told(scratch_begin(s, "out"), ERR_AUDIT);
}

/*
 * The watch over a device that may wait for an hour looks at the other one too,
 * whose line came later and is due much sooner.
 */
static void
each_device_has_a_deadline_of_its_own(void **state)
{
	struct scratch *s = *state;
	const char *fifo = scratch_path(s, "fifo");
	struct audit_device_config patient =
		scratch_config(s, "a", fifo, "write_timeout", "1h");
	struct hung hung = { .s = s, .id = "hung", .rc = 0 };
	int reader = make_full_fifo(fifo);
	struct audit_ticket *first = NULL;

	scratch_restart(s, SHORT_MS);
	assert_int_equal(audit_enable(s->audit, &patient, true, &s->err), 0);
	first = scratch_begin(s, "first");
	/* Time for the watch to find that line alone. */
	(void)usleep(SHORT_MS * 1000);
	assert_int_equal(
		scratch_enable(s, "b", scratch_path(s, "b.log"), true), 0);
	atomic_store(&sync_mode, SYNC_HANGS);
	start_response(&hung);
	while (scratch_status(s, "b").healthy)
		(void)usleep(2000);
	assert_true(scratch_status(s, "a").healthy);
	(void)close(reader);
	assert_int_equal(end_hanging(&hung, SYNC_WORKS), ERR_AUDIT);
	wait_until_told(first, ERR_AUDIT);
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, setup_anywhere, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_refuses_requests_and_answers),
		TEST(enabling_on_a_full_disk_says_why_it_cannot),
		TEST(one_device_that_works_is_enough),
		TEST(a_blocked_device_refuses_at_its_deadline),
		TEST(both_lines_fail_together_and_are_both_missed),
		TEST(others_go_on_while_one_is_blocked),
		TEST(a_device_comes_back_and_says_what_it_missed),
		TEST(a_reader_that_left_is_a_failure_not_a_signal),
		TEST(a_disk_that_hangs_holds_nobody_past_the_deadline),
		TEST(a_failed_sync_fails_the_answer_and_the_chain_goes_on),
		TEST(a_file_that_cannot_be_made_anew_puts_the_device_out),
		TEST(who_does_not_wait_for_a_line_is_told_of_it),
		TEST(laid_lines_go_out_when_somebody_flushes),
		TEST(request_lines_are_taken_during_a_sync),
		TEST(the_head_is_of_the_last_synced_line),
		TEST(reopening_waits_for_the_sync_under_way),
		TEST(a_failed_sync_puts_out_what_was_written_meanwhile),
		TEST(a_write_that_fails_during_a_sync_is_refused),
		TEST(each_device_has_a_deadline_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
