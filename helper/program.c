/* fork, exec, and one pipe read until it ends or time is up. */
#include "helper/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"

#define NOT_STARTED 127
#define WORDS_SHOWN 400

static void __attribute__((noreturn))
become(const char *const *words, int output)
{
	const int nothing = open("/dev/null", O_RDONLY);

	if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
		dup2(output, STDOUT_FILENO) >= 0 &&
		dup2(output, STDERR_FILENO) >= 0) {
		(void)signal(SIGPIPE, SIG_DFL);
		/* execvp's words are not const by age alone. */
		(void)execvp(words[0], (char *const *)(uintptr_t)words);
	}
	_exit(NOT_STARTED);
}

/* One piece of what it prints. 1: more may come; 0: it ended. */
static int
take_output(int fd, struct buf *out)
{
	uint8_t piece[4096];
	const ssize_t n = read(fd, piece, sizeof(piece));
	const size_t room = out->size_max - out->len;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n <= 0)
		return 0;
	(void)buf_add(out, piece, (size_t)n < room ? (size_t)n : room);
	return 1;
}

/* Until there is something to read, or the deadline. */
static int
wait_for(int fd, int64_t deadline_ns)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	for (;;) {
		const int64_t left_ns =
			deadline_ns - clock_boot_ns(clock_system());
		int n;

		if (left_ns <= 0)
			return ERR_TIMEOUT;
		n = poll(&polled, 1, (int)(left_ns / CLOCK_NS_PER_MS) + 1);
		if (n < 0 && errno != EINTR)
			return ERR_SYSTEM;
		if (n > 0)
			return 0;
	}
}

static int
collect(int fd, int64_t deadline_ns, struct buf *out)
{
	int rc;

	do
		rc = wait_for(fd, deadline_ns);
	while (rc == 0 && take_output(fd, out) != 0);
	return rc;
}

/* The end of its output need not be its own; an old kernel does not tell. */
static int
wait_for_end(pid_t pid, int64_t deadline_ns)
{
	const int fd = pidfd_open(pid, 0);
	int rc;

	if (fd < 0)
		return 0;
	rc = wait_for(fd, deadline_ns);
	(void)close(fd);
	return rc;
}

/* Its exit status, once it has ended; -1 where somebody else has it. */
static int
reap(pid_t pid)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

int
program_run(const char *const *words, int64_t timeout_ms, struct buf *out,
	int *ret_status, struct err *err)
{
	const int64_t deadline_ns =
		clock_boot_ns(clock_system()) + timeout_ms * CLOCK_NS_PER_MS;
	int output[2], rc, status;
	pid_t pid;

	if (pipe2(output, O_CLOEXEC) != 0)
		return err_set_errno(err, "pipe2");
	pid = fork();
	if (pid == 0)
		become(words, output[1]);
	(void)close(output[1]);
	if (pid < 0) {
		(void)close(output[0]);
		return err_set_errno(err, "fork");
	}
	rc = collect(output[0], deadline_ns, out);
	(void)close(output[0]);
	if (rc == 0)
		rc = wait_for_end(pid, deadline_ns);
	if (rc != 0)
		(void)kill(pid, SIGKILL);
	status = reap(pid);
	if (rc != 0)
		return err_set(
			err, rc, 500, "%s did not end in time", words[0]);
	if (status < 0)
		return err_set(err, ERR_SYSTEM, 500,
			"how %s ended is not known", words[0]);
	if (status == NOT_STARTED)
		return err_set(err, ERR_SYSTEM, 500, "%s could not be started",
			words[0]);
	*ret_status = status;
	return 0;
}

int
program_complain(struct err *err, const char *what, struct buf *out)
{
	for (size_t i = 0; i < out->len; i++) {
		if (out->data[i] < ' ')
			out->data[i] = ' ';
	}
	return err_set(err, ERR_INPUT, 400, "%s: %.*s", what, WORDS_SHOWN,
		buf_str(out));
}
