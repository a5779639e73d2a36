/* Files: bounded reads, atomic writes, trust in owner and mode. */
#include "lib/fsutil.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_fsutil.XXXXXX";
static char path[PATH_MAX];

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static void
put(const char *content, mode_t mode)
{
	assert_int_equal(
		file_write_atomic(path, span_str(content), mode, NULL), 0);
}

static size_t
count_files(void)
{
	DIR *dir = opendir(folder);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

static void
what_was_written_is_read(void **state)
{
	struct buf buf;
	struct stat st;

	(void)state;
	put("old", 0644);
	put("new content", 0640);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(count_files(), 1);
	buf_init(&buf, 100);
	assert_int_equal(file_read(path, &buf, NULL), 0);
	assert_string_equal(buf_str(&buf), "new content");
	buf_clear(&buf);
}

static void
a_file_larger_than_the_buffer_is_refused(void **state)
{
	struct err err = { 0 };
	struct buf buf;

	(void)state;
	put("12345", 0600);
	buf_init(&buf, 5);
	assert_int_equal(file_read(path, &buf, NULL), 0);
	buf_clear(&buf);
	buf_init(&buf, 4);
	assert_int_equal(file_read(path, &buf, &err), ERR_LIMIT);
	assert_string_equal(err.message, "file larger than 4 bytes");
	buf_clear(&buf);
}

static void
a_file_of_many_steps_is_read_whole(void **state)
{
	static char large[100001];
	struct buf buf;

	(void)state;
	memset(large, 'z', sizeof(large) - 1);
	put(large, 0600);
	buf_init(&buf, 200000);
	assert_int_equal(file_read(path, &buf, NULL), 0);
	assert_int_equal(buf.len, sizeof(large) - 1);
	buf_clear(&buf);
}

static void
an_absent_file_says_so(void **state)
{
	uint64_t dev, ino;
	struct err err = { 0 };
	struct buf buf;

	(void)state;
	buf_init(&buf, 10);
	assert_int_equal(file_read("/nonexistent/x", &buf, &err), ERR_ABSENT);
	assert_string_equal(err.message,
		"cannot open /nonexistent/x: No such file or directory");
	assert_int_equal(
		file_identity("/nonexistent/x", &dev, &ino, NULL), ERR_ABSENT);
}

static void
only_regular_files_are_read(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10);
	assert_int_equal(file_read(folder, &buf, NULL), ERR_INPUT);
	(void)unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, &buf, NULL), ERR_INPUT);
	(void)unlink(path);
}

static void
a_failed_write_leaves_nothing_behind(void **state)
{
	struct err err = { 0 };
	char inside[PATH_MAX + 10];

	(void)state;
	/* A folder stands where the file should go, so rename fails. */
	(void)unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(inside, sizeof(inside), "%s/x", path);
	close(open(inside, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(
		file_write_atomic(path, span_str("x"), 0600, &err), ERR_SYSTEM);
	assert_int_equal(count_files(), 1);
	assert_int_equal(unlink(inside), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(
		file_write_atomic("/nonexistent/x", span_str("x"), 0600, NULL),
		ERR_ABSENT);
}

static void
trust_needs_owner_mode_and_no_link(void **state)
{
	char link[PATH_MAX + 10];
	struct err err = { 0 };
	int fd = -1;

	(void)state;
	put("x", 0644);
	assert_int_equal(file_open_trusted(path, &fd, NULL), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	put("x", 0664);
	assert_int_equal(file_open_trusted(path, &fd, &err), ERR_INPUT);
	assert_non_null(strstr(err.message, "has mode 0664"));
	assert_non_null(strstr(err.message, "(chmod 0644)"));
	put("x", 0602);
	assert_int_equal(file_open_trusted(path, &fd, NULL), ERR_INPUT);
	put("x", 0600);
	(void)snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(file_open_trusted(link, &fd, NULL), ERR_SYSTEM);
	assert_int_equal(unlink(link), 0);
	if (geteuid() == 0 && chown(path, 12345, 0) == 0) {
		err_clear(&err);
		assert_int_equal(file_open_trusted(path, &fd, &err), ERR_INPUT);
		assert_non_null(strstr(err.message, "belongs to user 12345"));
	}
}

static void
identity_follows_the_file(void **state)
{
	uint64_t dev = 0, first = 0, second = 0;

	(void)state;
	put("x", 0600);
	assert_int_equal(file_identity(path, &dev, &first, NULL), 0);
	assert_int_equal(file_identity(path, &dev, &second, NULL), 0);
	assert_true(first == second);
	put("y", 0600);
	assert_int_equal(file_identity(path, &dev, &second, NULL), 0);
	assert_true(first != second);
}

static void
a_write_to_a_closed_descriptor_is_an_error(void **state)
{
	struct err err = { 0 };
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	assert_int_equal(fd_write_all(ends[1], "x", 1, &err), ERR_SYSTEM);
	assert_string_equal(err.message, "internal error");
	assert_string_equal(err.detail, "write: Bad file descriptor");
	close(ends[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_file_larger_than_the_buffer_is_refused),
		cmocka_unit_test(a_file_of_many_steps_is_read_whole),
		cmocka_unit_test(an_absent_file_says_so),
		cmocka_unit_test(only_regular_files_are_read),
		cmocka_unit_test(a_failed_write_leaves_nothing_behind),
		cmocka_unit_test(trust_needs_owner_mode_and_no_link),
		cmocka_unit_test(identity_follows_the_file),
		cmocka_unit_test(a_write_to_a_closed_descriptor_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
