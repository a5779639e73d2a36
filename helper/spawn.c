/*
 * The program is the child of a child that leaves at once, so it belongs to
 * init. The first child is made by a raw clone with exit signal 0: its parent
 * gets no SIGCHLD, and only a wait with __WALL sees it. Between clone and exec
 * nothing but system calls may run.
 */
#include "helper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper/verdict.h"

#define PARKED_FD 64 /* above every descriptor that the helper gets */
#define FAILED 127

/* Both ends of each pipe, as seen from here. */
struct pipes {
	int frame[2], line[2], control[2];
};

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void
close_pipe(int fds[2])
{
	close_fd(&fds[0]);
	close_fd(&fds[1]);
}

static void
close_pipes(struct pipes *pipes)
{
	close_pipe(pipes->frame);
	close_pipe(pipes->line);
	close_pipe(pipes->control);
}

static int
open_pipes(struct pipes *pipes, struct err *err)
{
	if (pipe2(pipes->frame, O_CLOEXEC) != 0 ||
		pipe2(pipes->line, O_CLOEXEC) != 0 ||
		pipe2(pipes->control, O_CLOEXEC) != 0)
		return err_set_errno(err, "pipe2");
	return 0;
}

/* ---- in the children: system calls only ---------------------------------- */

static pid_t
clone_silently(void)
{
	return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
}

/* Put each descriptor where the helper expects it, and nothing else. */
static bool
arrange_descriptors(const struct spawn *spawn, const struct pipes *pipes)
{
	const int from[] = { pipes->frame[0], pipes->line[1], -1,
		spawn->config_fd, pipes->control[0] };
	const int none = open("/dev/null", O_RDWR | O_CLOEXEC);
	int parked[ARRAY_LEN(from)];

	if (none < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		parked[i] = fcntl(from[i] < 0 ? none : from[i], F_DUPFD_CLOEXEC,
			PARKED_FD);
		if (parked[i] < 0)
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		if (dup2(parked[i], (int)i) < 0)
			return false;
	}
	return close_range(ARRAY_LEN(from), ~0U, 0) == 0;
}

static void
reset_signals(void)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &usual, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Raw calls: glibc's wrappers would signal the threads of our host. */
static bool
drop_rights(const struct spawn *spawn)
{
	if (!spawn->drop)
		return true;
	return syscall(SYS_setgroups, 0, NULL) == 0 &&
		syscall(SYS_setresgid, spawn->gid, spawn->gid, spawn->gid) ==
		0 &&
		syscall(SYS_setresuid, spawn->uid, spawn->uid, spawn->uid) == 0;
}

/* One byte in place of the helper's line: no helper says so little. */
static void __attribute__((noreturn)) tell_errno(int fd)
{
	const uint8_t number = (uint8_t)errno;

	(void)syscall(SYS_write, fd, &number, sizeof(number));
	_exit(FAILED);
}

static void __attribute__((noreturn))
become_helper(const struct spawn *spawn, const struct pipes *pipes)
{
	static char name[] = "sallyport-helper";
	static char module[] = "-module";
	char *argv[] = { name, module, NULL };
	char *envp[] = { NULL };

	reset_signals();
	(void)setsid();
	(void)umask(077);
	if (chdir("/") != 0 || !arrange_descriptors(spawn, pipes))
		tell_errno(pipes->line[1]);
	if (drop_rights(spawn))
		(void)execve(spawn->program, argv, envp);
	tell_errno(VERDICT_FD_LINE);
}

static void __attribute__((noreturn))
leave_a_grandchild(const struct spawn *spawn, const struct pipes *pipes)
{
	const pid_t pid = clone_silently();

	if (pid == 0)
		become_helper(spawn, pipes);
	_exit(pid < 0 ? FAILED : 0);
}

/* ---- here --------------------------------------------------------------- */

static int
reap(pid_t pid, struct err *err)
{
	int status = 0;
	pid_t got;

	do {
		got = waitpid(pid, &status, __WALL);
	} while (got < 0 && errno == EINTR);
	/* A host that reaps every child may have been faster. */
	if (got < 0 && errno == ECHILD)
		return 0;
	if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, ERR_SYSTEM, 500,
			"the helper could not be started");
	return 0;
}

/*
 * No handler of our host may run in the children: they share its descriptors
 * until exec. The helper gets its signals back by reset_signals.
 */
static pid_t
clone_first_child(const struct spawn *spawn, const struct pipes *pipes)
{
	sigset_t all, old;
	pid_t pid;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone_silently();
	if (pid == 0)
		leave_a_grandchild(spawn, pipes);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

static int
start(const struct spawn *spawn, struct pipes *pipes, struct err *err)
{
	const pid_t pid = clone_first_child(spawn, pipes);

	if (pid < 0)
		return err_set_errno(err, "clone");
	close_fd(&pipes->frame[0]);
	close_fd(&pipes->line[1]);
	close_fd(&pipes->control[0]);
	return reap(pid, err);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A SIGPIPE that our write raised, and no other, is taken back. */
static ssize_t
write_without_sigpipe(int fd, struct span bytes)
{
	const struct timespec at_once = { 0, 0 };
	sigset_t pipe_only, old, pending;
	ssize_t n;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
	(void)sigpending(&pending);
	n = write(fd, bytes.data, bytes.len);
	if (n < 0 && errno == EPIPE) {
		if (sigismember(&pending, SIGPIPE) == 0)
			(void)sigtimedwait(&pipe_only, NULL, &at_once);
		errno = EPIPE;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return n;
}

/*
 * A frame fits a pipe whole, so one write does it. A helper that is gone
 * already is no error here: its line says why.
 */
static int
send_frame(struct span frame, int *fd, struct err *err)
{
	const ssize_t n = write_without_sigpipe(*fd, frame);
	const bool gone = n < 0 && errno == EPIPE;

	close_fd(fd);
	if (gone || n == (ssize_t)frame.len)
		return 0;
	return err_set(
		err, ERR_SYSTEM, 500, "the helper did not take the frame");
}

/* Until its end of file, the deadline, or more than fits. */
static int
collect(int fd, int64_t deadline_ms, struct buf *out, struct err *err)
{
	for (;;) {
		struct pollfd line = { .fd = fd, .events = POLLIN };
		const int64_t left_ms = deadline_ms - now_ms();
		uint8_t bytes[256];
		ssize_t n;

		if (left_ms <= 0)
			return err_set(err, ERR_TIMEOUT, 500,
				"the helper did not answer in time");
		if (poll(&line, 1, (int)left_ms) <= 0)
			continue;
		n = read(fd, bytes, sizeof(bytes));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_set_errno(err, "read");
		if (n > 0 && buf_add(out, bytes, (size_t)n) != 0)
			return err_set(err, ERR_LIMIT, 500,
				"the helper said too much");
	}
}

static int
check_started(const struct buf *out, struct err *err)
{
	if (out->len != 1)
		return 0;
	return err_set(err, ERR_SYSTEM, 500, "the helper could not be run: %s",
		strerror(out->data[0]));
}

int
spawn_run(const struct spawn *spawn, struct buf *out, struct err *err)
{
	struct pipes pipes = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	const int64_t deadline_ms = now_ms() + spawn->timeout_ms;
	int rc = open_pipes(&pipes, err);

	if (rc == 0)
		rc = start(spawn, &pipes, err);
	if (rc == 0)
		rc = send_frame(spawn->frame, &pipes.frame[1], err);
	if (rc == 0)
		rc = collect(pipes.line[0], deadline_ms, out, err);
	if (rc == 0)
		rc = check_started(out, err);
	close_pipes(&pipes);
	return rc;
}
