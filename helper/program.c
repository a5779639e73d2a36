/* fork, exec, and one pipe read until it ends or time is up. */
#include "helper/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
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

static int
collect(int fd, int64_t timeout_ms, struct buf *out)
{
	const int64_t deadline_ns =
		clock_boot_ns(clock_system()) + timeout_ms * CLOCK_NS_PER_MS;
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	do {
		const int64_t left_ns =
			deadline_ns - clock_boot_ns(clock_system());
		int n;

		if (left_ns <= 0)
			return ERR_TIMEOUT;
		n = poll(&polled, 1, (int)(left_ns / CLOCK_NS_PER_MS) + 1);
		if (n < 0 && errno != EINTR)
			return ERR_SYSTEM;
		if (n <= 0)
			continue;
	} while (polled.revents == 0 || take_output(fd, out) != 0);
	return 0;
}

/* Its exit status, once it has ended. */
static int
reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

int
program_run(const char *const *words, int64_t timeout_ms, struct buf *out,
	int *ret_status, struct err *err)
{
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
	rc = collect(output[0], timeout_ms, out);
	(void)close(output[0]);
	if (rc != 0)
		(void)kill(pid, SIGKILL);
	status = reap(pid);
	if (rc != 0)
		return err_set(
			err, rc, 500, "%s did not end in time", words[0]);
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
