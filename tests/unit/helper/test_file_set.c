/* A set of files is old or new as a whole, wherever the writer is killed. */
#include "helper/file_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fsutil.h"
#include "tests/support/figures.h"

#define N_FILES 3
#define PATH_LEN 128

static struct {
	char dir[PATH_LEN], journal[PATH_LEN], paths[N_FILES][PATH_LEN];
	struct file_set set;
} place;

/* The second is not there before; the last refers to the others. */
static const char *const old_texts[N_FILES] = { "old a\n", NULL, "old c\n" };
static const char *const new_texts[N_FILES] = { "new a\n", "new b\n",
	"new c\n" };

static int
make_place(void **state)
{
	(void)state;
	(void)snprintf(place.dir, sizeof(place.dir), "/tmp/file_set.XXXXXX");
	assert_non_null(mkdtemp(place.dir));
	(void)snprintf(place.journal, PATH_LEN, "%.64s/journal", place.dir);
	place.set = (struct file_set){ .journal = place.journal };
	for (size_t i = 0; i < N_FILES; i++) {
		struct file_change change = { .path = place.paths[i],
			.content = span_str(new_texts[i]),
			.mode = 0644,
			.gid = (gid_t)-1 };

		(void)snprintf(place.paths[i], PATH_LEN, "%.64s/%c", place.dir,
			(char)('a' + i));
		assert_int_equal(file_set_add(&place.set, &change, NULL), 0);
	}
	return 0;
}

/* A killed writer leaves what it was just about to rename. */
static int
remove_place(void **state)
{
	DIR *dir = opendir(place.dir);
	const struct dirent *entry;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	return rmdir(place.dir);
}

static void
put_old_set(void)
{
	(void)unlink(place.journal);
	for (size_t i = 0; i < N_FILES; i++) {
		(void)unlink(place.paths[i]);
		if (old_texts[i] != NULL)
			assert_int_equal(
				file_write_atomic(place.paths[i],
					span_str(old_texts[i]), 0600, NULL),
				0);
	}
}

/* Whether a file has this text; NULL: whether it is not there. */
static bool
has_text(size_t i, const char *text)
{
	struct buf found;
	int rc;
	bool same;

	buf_init(&found, 64);
	rc = file_read(place.paths[i], &found, NULL);
	same = text == NULL
		? rc == ERR_ABSENT
		: rc == 0 && span_equal(buf_span(&found), span_str(text));
	buf_clear(&found);
	return same;
}

static size_t
count_with(const char *const *texts)
{
	size_t n = 0;

	for (size_t i = 0; i < N_FILES; i++)
		n += has_text(i, texts[i]);
	return n;
}

static void
change_and_keep(void)
{
	if (file_set_apply(&place.set, NULL) == 0)
		(void)file_set_keep(&place.set, NULL);
}

static void
go_back(void)
{
	bool found;

	(void)file_set_restore(place.journal, &found, NULL);
}

/* Run work in a process that is killed at its nth step; false: it ended. */
static bool
run_and_kill(void (*work)(void), int nth)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		work();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < nth && WIFSTOPPED(status); i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (!WIFSTOPPED(status)) {
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		return false;
	}
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

static void
a_change_is_kept_or_undone_as_a_whole(void **state)
{
	struct stat st;
	bool found;

	(void)state;
	put_old_set();
	assert_int_equal(file_set_apply(&place.set, NULL), 0);
	assert_int_equal(count_with(new_texts), N_FILES);
	assert_int_equal(file_set_restore(place.journal, &found, NULL), 0);
	assert_true(found);
	assert_int_equal(count_with(old_texts), N_FILES);
	assert_int_equal(stat(place.paths[0], &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_set_restore(place.journal, &found, NULL), 0);
	assert_false(found);
	change_and_keep();
	assert_int_equal(file_set_restore(place.journal, &found, NULL), 0);
	assert_false(found);
	assert_int_equal(count_with(new_texts), N_FILES);
	assert_int_equal(stat(place.paths[0], &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void
a_kill_at_any_step_leaves_the_old_set_or_the_new(void **state)
{
	size_t n_old = 0;
	size_t n_new = 0;
	size_t n_mixed = 0;
	int nth = 0;

	(void)state;
	for (put_old_set(); run_and_kill(change_and_keep, ++nth);
		put_old_set()) {
		/* What refers to the others is never new before they are. */
		n_mixed += has_text(N_FILES - 1, new_texts[N_FILES - 1]) &&
			count_with(new_texts) != N_FILES;
		go_back();
		n_old += count_with(old_texts) == N_FILES;
		n_new += count_with(new_texts) == N_FILES;
	}
	n_mixed += (size_t)nth - 1 - n_old - n_new;
	figures_report("M-11", nth - 1, (int64_t)n_mixed, "kills of a change");
	assert_int_equal(n_mixed, 0);
	assert_true(n_old > 20 && n_new > 2);
	change_and_keep();
}

static void
a_kill_while_going_back_leaves_the_rest_to_the_next(void **state)
{
	int64_t n_wrong = 0;
	int nth = 0;

	(void)state;
	for (;;) {
		bool killed;

		put_old_set();
		assert_int_equal(file_set_apply(&place.set, NULL), 0);
		killed = run_and_kill(go_back, ++nth);
		go_back();
		n_wrong += count_with(old_texts) != N_FILES;
		if (!killed)
			break;
	}
	figures_report("M-11", nth, n_wrong, "kills while going back");
	assert_int_equal(n_wrong, 0);
	assert_true(nth > 10);
	change_and_keep();
}

static void
a_change_that_cannot_be_made_changes_nothing(void **state)
{
	const struct file_change change = { .path = "/nonexistent/x",
		.content = span_str("x"),
		.mode = 0644,
		.gid = (gid_t)-1 };
	struct file_set set = place.set;
	struct err err = { 0 };

	(void)state;
	put_old_set();
	assert_int_equal(file_set_add(&set, &change, NULL), 0);
	assert_int_equal(file_set_apply(&set, &err), ERR_SYSTEM);
	assert_non_null(strstr(err.message, "/nonexistent/x"));
	assert_int_equal(count_with(old_texts), N_FILES);
	assert_int_not_equal(access(place.journal, F_OK), 0);
}

/* The turn of the renames to come that fails, and all behind it; 0: none. */
static int failing;

/* Stands before libc's. */
int
rename(const char *from, const char *to)
{
	if (failing > 0 && --failing == 0) {
		failing = 1;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

/* What is kept of the old set must not go before it is back in its place. */
static void
a_way_back_that_fails_can_be_gone_again(void **state)
{
	bool found;

	(void)state;
	put_old_set();
	failing = 3; /* the journal and the first file are in their places */
	assert_int_not_equal(file_set_apply(&place.set, NULL), 0);
	failing = 0;
	assert_int_equal(file_set_restore(place.journal, &found, NULL), 0);
	assert_true(found);
	assert_int_equal(count_with(old_texts), N_FILES);
}

static void
a_broken_journal_is_told_of(void **state)
{
	static const char *const texts[] = { "?", "+\n", "* /x\n", "+ \n",
		"\n" };
	bool found;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(file_write_atomic(place.journal,
					 span_str(texts[i]), 0600, NULL),
			0);
		assert_int_equal(file_set_restore(place.journal, &found, NULL),
			ERR_INPUT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_kept_or_undone_as_a_whole),
		cmocka_unit_test(
			a_kill_at_any_step_leaves_the_old_set_or_the_new),
		cmocka_unit_test(
			a_kill_while_going_back_leaves_the_rest_to_the_next),
		cmocka_unit_test(a_change_that_cannot_be_made_changes_nothing),
		cmocka_unit_test(a_way_back_that_fails_can_be_gone_again),
		cmocka_unit_test(a_broken_journal_is_told_of),
	};

	return cmocka_run_group_tests(tests, make_place, remove_place);
}
