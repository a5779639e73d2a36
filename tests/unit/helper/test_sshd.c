/* What sshd prints, the process that is told to reload, and programs run. */
#include "helper/sshd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "helper/program.h"
#include "lib/fsutil.h"

static void
settings_are_found_by_their_whole_name(void **state)
{
	const struct sshd_view view = { .text = "port 22\nusepam yes\n"
						"hostcertificate /a\n"
						"hostcertificate /b c\n"
						"banner" };
	struct arena *arena = arena_new(4096);

	(void)state;
	assert_non_null(arena);
	assert_true(sshd_has(&view, "hostcertificate", "/a"));
	assert_true(sshd_has(&view, "hostcertificate", "/b c"));
	assert_false(sshd_has(&view, "hostcertificate", "/b"));
	assert_false(sshd_has(&view, "hostcert", "/a"));
	assert_false(sshd_has(&view, "pam", "yes"));
	assert_string_equal(sshd_value(&view, "hostcertificate", arena), "/a");
	assert_string_equal(sshd_value(&view, "banner", arena), "");
	assert_string_equal(sshd_value(&view, "absent", arena), "");
	arena_free(&arena);
}

static void
no_file_but_one_with_a_process_is_taken(void **state)
{
	static const char *const texts[] = { "", "\n", "0\n", "1\n", "-1\n",
		"x\n", "12 13\n", "99999999999999999999\n", " 2\n" };
	char path[] = "/tmp/pid_file.XXXXXX";
	const struct helper_settings settings = { .sshd_pid_file = path };

	(void)state;
	(void)close(mkstemp(path));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(
			file_write_atomic(path, span_str(texts[i]), 0600, NULL),
			0);
		assert_int_equal(sshd_reload(&settings, NULL), ERR_INPUT);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(sshd_reload(&settings, NULL), ERR_ABSENT);
}

static volatile sig_atomic_t hung_up;

static void
count_hang_up(int number)
{
	(void)number;
	hung_up++;
}

static void
its_process_is_told(void **state)
{
	char path[] = "/tmp/pid_file.XXXXXX";
	char text[32];
	const struct helper_settings settings = { .sshd_pid_file = path };

	(void)state;
	(void)close(mkstemp(path));
	(void)signal(SIGHUP, count_hang_up);
	(void)snprintf(text, sizeof(text), "%d\n", (int)getpid());
	assert_int_equal(
		file_write_atomic(path, span_str(text), 0600, NULL), 0);
	assert_int_equal(sshd_reload(&settings, NULL), 0);
	assert_int_equal(hung_up, 1);
	(void)signal(SIGHUP, SIG_DFL);
	(void)unlink(path);
}

#define LONG_ENOUGH_MS 600000

static int
run(const char *script, int64_t timeout_ms, struct buf *out, int *ret_status)
{
	const char *const words[] = { "/bin/sh", "-c", script, NULL };

	return program_run(words, timeout_ms, out, ret_status, NULL);
}

static void
programs_are_run_for_what_they_print(void **state)
{
	static const char *const missing[] = { "/nonexistent", NULL };
	struct buf out;
	int status = -1;

	(void)state;
	buf_init(&out, 8);
	assert_int_equal(run("echo a; echo b >&2; read x || exit 3",
				 LONG_ENOUGH_MS, &out, &status),
		0);
	assert_string_equal(buf_str(&out), "a\nb\n");
	assert_int_equal(status, 3);
	buf_reset(&out);
	assert_int_equal(
		run("echo 0123456789", LONG_ENOUGH_MS, &out, &status), 0);
	assert_string_equal(buf_str(&out), "01234567");
	assert_int_equal(run("kill -9 $$", LONG_ENOUGH_MS, &out, &status), 0);
	assert_int_equal(status, 128 + SIGKILL);
	assert_int_equal(run("exec sleep 600", 10, &out, &status), ERR_TIMEOUT);
	assert_int_equal(
		program_run(missing, LONG_ENOUGH_MS, &out, &status, NULL),
		ERR_SYSTEM);
	buf_clear(&out);
}

/* A program that closes its output and goes on held us for ever. */
static void
the_end_of_output_is_not_that_of_a_program(void **state)
{
	struct buf out;
	int status = -1;

	(void)state;
	buf_init(&out, 8);
	assert_int_equal(
		run("exec >&- 2>&-; exec sleep 600", 10, &out, &status),
		ERR_TIMEOUT);
	assert_int_equal(
		run("exec >&- 2>&-; exit 3", LONG_ENOUGH_MS, &out, &status), 0);
	assert_int_equal(status, 3);
	buf_clear(&out);
}

/* Where SIGCHLD is ignored the kernel reaps, and "sshd -t" was always good. */
static void
a_status_that_nobody_knows_is_no_good_one(void **state)
{
	struct helper_settings settings = { .sshd_program = "/bin/false",
		.sshd_config = "/dev/null" };

	(void)state;
	(void)signal(SIGCHLD, SIG_IGN);
	assert_int_not_equal(sshd_check(&settings, NULL), 0);
	(void)signal(SIGCHLD, SIG_DFL);
}

static void
a_check_says_what_sshd_says(void **state)
{
	struct helper_settings settings = { .sshd_program = "/bin/false",
		.sshd_config = "/dev/null" };
	struct sshd_view view = { .text = NULL };
	struct arena *arena = arena_new(4096);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(sshd_check(&settings, &err), ERR_INPUT);
	assert_int_equal(sshd_look(&settings, arena, &view, NULL), ERR_INPUT);
	assert_null(view.text);
	settings.sshd_program = "/bin/echo";
	assert_int_equal(sshd_check(&settings, NULL), 0);
	assert_int_equal(sshd_look(&settings, arena, &view, NULL), 0);
	assert_string_equal(view.text,
		"-T -C user=root,host=localhost,addr=127.0.0.1 -f /dev/null\n");
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_found_by_their_whole_name),
		cmocka_unit_test(no_file_but_one_with_a_process_is_taken),
		cmocka_unit_test(its_process_is_told),
		cmocka_unit_test(programs_are_run_for_what_they_print),
		cmocka_unit_test(the_end_of_output_is_not_that_of_a_program),
		cmocka_unit_test(a_status_that_nobody_knows_is_no_good_one),
		cmocka_unit_test(a_check_says_what_sshd_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
