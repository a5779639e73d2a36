/* One poll loop: signals as bytes, and whatever the services wait for. */
#include "client/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base.h"

#define SIGNALS 0 /* the place of the signalfd among what we wait for */

/* A child on its way. */
struct running {
	const struct child *child;
	pid_t pid; /* 0: there is none */
	int signals;
	int failed[2]; /* says by an errno that it could not be started */
};

void
child_end_signals(sigset_t *ret_mask)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now;

	(void)sigemptyset(ret_mask);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		/* What nohup and the like ignore stays so. */
		if (sigaction(numbers[i], NULL, &now) == 0 &&
			now.sa_handler != SIG_IGN)
			(void)sigaddset(ret_mask, numbers[i]);
	}
}

static sigset_t
taken_signals(void)
{
	sigset_t mask;

	child_end_signals(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	return mask;
}

void
child_hold_signals(sigset_t *ret_old_mask)
{
	sigset_t mask = taken_signals();

	/* Nobody reads our words any more: there is a lease to end yet. */
	(void)sigaddset(&mask, SIGPIPE);
	(void)sigprocmask(SIG_BLOCK, &mask, ret_old_mask);
}

static void __attribute__((noreturn))
become_child(const struct running *running)
{
	const struct child *child = running->child;
	int number;

	(void)sigprocmask(SIG_SETMASK, &child->old_mask, NULL);
	if (child->prepare != NULL)
		child->prepare(child->ctx);
	(void)execvp(child->words[0], child->words);
	number = errno;
	(void)!write(running->failed[1], &number, sizeof(number));
	_exit(CHILD_NOT_STARTED);
}

/* True: it is time to end, with *ret_status. */
static bool
take_signal(const struct running *running, int *ret_status)
{
	struct signalfd_siginfo info;
	int status = 0;

	if (read(running->signals, &info, sizeof(info)) !=
		(ssize_t)sizeof(info))
		return false;
	if (running->pid == 0) {
		*ret_status = 0;
		return info.ssi_signo != SIGCHLD;
	}
	if (info.ssi_signo == SIGCHLD) {
		if (waitpid(running->pid, &status, WNOHANG) != running->pid)
			return false;
		*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						  : WEXITSTATUS(status);
		return true;
	}
	/* A terminal's SIGINT reached it by itself. */
	if (info.ssi_signo != SIGINT || info.ssi_code != SI_KERNEL)
		(void)kill(running->pid, (int)info.ssi_signo);
	return false;
}

/* Which of the polled descriptors are whose: from the one before up to end. */
struct turn {
	struct pollfd fds[1 + CHILD_POLLS_MAX];
	size_t n;
	size_t ends[CHILD_SERVICES_MAX];
};

static void
collect(const struct running *running, struct turn *turn)
{
	const struct child *child = running->child;

	turn->fds[SIGNALS] =
		(struct pollfd){ .fd = running->signals, .events = POLLIN };
	turn->n = SIGNALS + 1;
	for (size_t i = 0; i < child->n_services; i++) {
		turn->n += child->services[i].polls(
			child->services[i].ctx, turn->fds + turn->n);
		turn->ends[i] = turn->n;
	}
}

static void
serve(const struct running *running, const struct turn *turn)
{
	const struct child *child = running->child;
	size_t at = SIGNALS + 1;

	for (size_t i = 0; i < child->n_services; i++) {
		child->services[i].serve(child->services[i].ctx, turn->fds + at,
			turn->ends[i] - at);
		at = turn->ends[i];
	}
}

static int
wait_and_serve(const struct running *running)
{
	struct turn turn;
	int status = 0;

	for (;;) {
		collect(running, &turn);
		if (poll(turn.fds, turn.n, -1) < 0) {
			if (errno == EINTR)
				continue;
			return CHILD_NOT_STARTED;
		}
		if (turn.fds[SIGNALS].revents != 0 &&
			take_signal(running, &status))
			return status;
		serve(running, &turn);
	}
}

/* The errno that kept it from starting; 0: it ran. */
static int
why_not_started(struct running *running)
{
	int number = 0;

	(void)close(running->failed[1]);
	running->failed[1] = -1;
	return read(running->failed[0], &number, sizeof(number)) ==
			(ssize_t)sizeof(number)
		? number
		: 0;
}

static void
close_running(const struct running *running)
{
	const int fds[] = { running->signals, running->failed[0],
		running->failed[1] };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
}

/* 0, or an errno. */
static int
start(struct running *running)
{
	const sigset_t mask = taken_signals();

	running->signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (running->signals < 0 || pipe2(running->failed, O_CLOEXEC) != 0)
		return errno;
	if (running->child->words == NULL)
		return 0;
	running->pid = fork();
	if (running->pid == 0)
		become_child(running);
	return running->pid < 0 ? errno : 0;
}

bool
child_run(const struct child *child, int *ret_status)
{
	struct running running = {
		.child = child, .signals = -1, .failed = { -1, -1 }
	};
	int number = start(&running);
	int status = 0;

	if (number == 0) {
		status = wait_and_serve(&running);
		number = why_not_started(&running);
	}
	close_running(&running);
	*ret_status = number != 0 ? number : status;
	return number == 0;
}
