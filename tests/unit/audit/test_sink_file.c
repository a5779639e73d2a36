/* Where a file device may write, and with which mode (reliability.md L31). */
#include "audit/sink_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/audit/scratch.h"

/* These stand before the library's: what was made durable, and what fails. */
static size_t files_synced, directories_synced;
static bool sync_fails;

static int
note_sync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if (S_ISDIR(st.st_mode))
		directories_synced++;
	else
		files_synced++;
	errno = EIO;
	return sync_fails ? -1 : 0;
}

int
fsync(int fd)
{
	return note_sync(fd);
}

int
fdatasync(int fd)
{
	return note_sync(fd);
}

static int
open_at(struct scratch *s, const char *path, const char *mode, bool anywhere)
{
	struct sink_file_places places = {
		.directories = s->dirs, .n_directories = 1, .anywhere = anywhere
	};
	struct value *options = value_object(s->arena);
	struct sink_file *sink = NULL;
	int rc;

	assert_true(value_set_str(s->arena, options, "path", path));
	if (mode != NULL)
		assert_true(value_set_str(s->arena, options, "mode", mode));
	err_clear(&s->err);
	rc = sink_file_new(options, &places, &sink, &s->err);
	if (rc == 0)
		rc = sink_file_open(sink, &s->err);
	sink_file_free(&sink);
	return rc;
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
files_get_their_mode_whatever_the_umask(void **state)
{
	static const struct {
		const char *mode;
		unsigned made;
	} cases[] = { { NULL, 0600 }, { "0600", 0600 }, { "0640", 0640 },
		{ "0777", 0640 }, { "0644", 0640 }, { "6755", 0640 },
		{ "0000", 0600 } };
	struct scratch *s = *state;
	mode_t before = umask(077);
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *path =
			scratch_path(s, cases[i].mode ? cases[i].mode : "x");

		assert_int_equal(open_at(s, path, cases[i].mode, false), 0);
		assert_int_equal(mode_of(path), cases[i].made);
	}
	(void)umask(before);
}

static void
a_file_of_something_else_is_left_as_it_is(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "passwd");

	scratch_write(path, "root:x:0:0:root:/root:/bin/sh\n");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(open_at(s, path, NULL, false), ERR_INPUT);
	assert_non_null(strstr(s->err.message,
		"the file holds something else than audit lines"));
	assert_int_equal(mode_of(path), 0644);
}

static void
an_existing_file_is_narrowed_unless_its_mode_is_left_alone(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");

	scratch_write(path, "");
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(open_at(s, path, "0000", false), 0);
	assert_int_equal(mode_of(path), 0666);
	assert_int_equal(open_at(s, path, NULL, false), 0);
	assert_int_equal(mode_of(path), 0600);
}

static void
only_paths_below_the_audit_directories_are_opened(void **state)
{
	struct scratch *s = *state;
	const char *twin = arena_printf(s->arena, "%s-twin", s->dir);
	const char *beside = arena_printf(s->arena, "%s/a.log", twin);
	const char *up = arena_printf(s->arena, "%s/../x.log", s->dir);
	const char *sub = scratch_path(s, "sub");

	assert_int_equal(mkdir(twin, 0700), 0);
	assert_int_equal(open_at(s, beside, NULL, false), ERR_INPUT);
	assert_int_not_equal(access(beside, F_OK), 0);
	assert_int_equal(open_at(s, up, NULL, false), ERR_INPUT);
	assert_string_equal(s->err.message,
		arena_printf(s->arena,
			"sanity check failed; unable to open \"%s\" for writing: it is below none of the audit directories",
			up));
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(
		open_at(s, scratch_path(s, "sub/a.log"), NULL, false), 0);
	assert_int_equal(
		open_at(s, scratch_path(s, "sub/../b.log"), NULL, false), 0);
	/* In dev mode anywhere. */
	assert_int_equal(open_at(s, beside, NULL, true), 0);
	assert_int_equal(unlink(beside), 0);
	assert_int_equal(rmdir(twin), 0);
}

static void
links_are_not_followed_out(void **state)
{
	struct scratch *s = *state;
	const char *outside = arena_printf(s->arena, "%s-out", s->dir);

	assert_int_equal(mkdir(outside, 0700), 0);
	/* A directory that leads out, and a file that leads anywhere. */
	assert_int_equal(symlink(outside, scratch_path(s, "way")), 0);
	assert_int_equal(open_at(s, scratch_path(s, "way/a.log"), NULL, false),
		ERR_INPUT);
	scratch_write(scratch_path(s, "real.log"), "");
	assert_int_equal(symlink("real.log", scratch_path(s, "link.log")), 0);
	assert_int_equal(
		open_at(s, scratch_path(s, "link.log"), NULL, true), ERR_INPUT);
	assert_int_equal(rmdir(outside), 0);
}

static void
what_is_no_log_is_refused(void **state)
{
	struct scratch *s = *state;
	const char *program = scratch_path(s, "program");
	size_t i;
	const char *const bad[] = { program, scratch_path(s, "sub"),
		scratch_path(s, "sub/"), scratch_path(s, "."),
		scratch_path(s, ".."), scratch_path(s, "none/a.log") };

	scratch_write(program, "#!/bin/sh\n");
	assert_int_equal(chmod(program, 0700), 0);
	assert_int_equal(mkdir(scratch_path(s, "sub"), 0700), 0);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(open_at(s, bad[i], NULL, false), ERR_INPUT);
		assert_int_equal(s->err.status, 400);
	}
	assert_int_equal(mode_of(program), 0700);
	assert_string_equal(s->err.message,
		arena_printf(s->arena,
			"sanity check failed; unable to open \"%s\" for writing: no such file or directory",
			bad[ARRAY_LEN(bad) - 1]));
}

static void
a_device_file_is_opened_as_it_is(void **state)
{
	struct scratch *s = *state;

	assert_int_equal(open_at(s, "/dev/null", NULL, true), 0);
	assert_int_equal(mode_of("/dev/null"), 0666);
	assert_int_equal(open_at(s, "stdout", NULL, false), 0);
	assert_int_equal(open_at(s, "DISCARD", NULL, false), 0);
}

/* A killed server's lines, and the file's name, could go with the power. */
static void
what_a_killed_server_left_is_made_durable(void **state)
{
	struct scratch *s = *state;
	const char *path = scratch_path(s, "a.log");

	scratch_write(path, "{}\n");
	files_synced = directories_synced = 0;
	assert_int_equal(open_at(s, path, NULL, false), 0);
	assert_int_equal(files_synced, 1);
	assert_int_equal(directories_synced, 1);
	sync_fails = true;
	assert_int_equal(open_at(s, path, NULL, false), ERR_INPUT);
	sync_fails = false;
}

#define TEST(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_get_their_mode_whatever_the_umask),
		TEST(a_file_of_something_else_is_left_as_it_is),
		TEST(an_existing_file_is_narrowed_unless_its_mode_is_left_alone),
		TEST(only_paths_below_the_audit_directories_are_opened),
		TEST(links_are_not_followed_out),
		TEST(what_is_no_log_is_refused),
		TEST(a_device_file_is_opened_as_it_is),
		TEST(what_a_killed_server_left_is_made_durable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
