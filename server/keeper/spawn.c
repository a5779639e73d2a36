/*
 * After the fork the child has one socket and standard error, no file, no
 * environment worth reading, and no life of its own: it ends with the process
 * that started it. Signals meant for the server are main's business, which
 * may need a signature while it finishes.
 */
#include "server/keeper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/keeper/safe.h"
#include "server/keeper/serve.h"

#define NAME "sallyport-keep" /* 15 bytes at most */
#define TITLE "sallyportd: keeper"
#define FD (STDERR_FILENO + 1)

static const int mains_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1,
	SIGUSR2, SIGALRM, SIGPIPE };

/* What ps shows, if the command line has room for it. */
static void
set_title(int argc, char **argv)
{
	const char *end = NULL;

	(void)prctl(PR_SET_NAME, NAME, 0, 0, 0);
	if (argc < 1)
		return;
	end = argv[argc - 1] + strlen(argv[argc - 1]);
	if (end - argv[0] < (ptrdiff_t)sizeof(TITLE))
		return;
	memset(argv[0], 0, (size_t)(end - argv[0]));
	memcpy(argv[0], TITLE, sizeof(TITLE));
}

/*
 * Nothing open but the socket, as FD, and where a crash would say why; fd is
 * past the standard files (privdrop.c sees to that).
 */
static bool
keep_only(int fd)
{
	const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	const bool done = nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
		dup2(nothing, STDOUT_FILENO) >= 0 && dup2(fd, FD) >= 0;

	return done && (close_range(FD + 1, ~0U, 0) == 0 || errno == ENOSYS);
}

/* Main has hardened the process before; a fork keeps that, but for locks. */
static bool
confine(pid_t main_pid, int fd)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
		getppid() != main_pid)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(mains_signals); i++) {
		const int number = mains_signals[i];

		(void)signal(number, SIG_IGN);
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
		setrlimit(RLIMIT_CORE, &none) != 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	/* Keys are locked one by one as well: main warns where this fails. */
	(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
	return keep_only(fd);
}

/* The whole life of the child. */
static int
live(pid_t main_pid, int fd)
{
	struct safe *safe = NULL;
	struct err err = { 0 };
	int rc;

	if (!confine(main_pid, fd))
		return EXIT_FAILURE;
	rc = safe_new(&safe, &err);
	if (rc == 0)
		rc = serve_keeper(FD, safe, &err);
	if (rc != 0)
		(void)fprintf(stderr, "sallyportd: keeper: %s: %s\n",
			err.message, err.detail);
	safe_free(&safe);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
spawn_keeper(
	int argc, char **argv, pid_t *ret_pid, int *ret_fd, struct err *err)
{
	const pid_t main_pid = getpid();
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return err_set_errno(err, "socketpair");
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		set_title(argc, argv);
		/* What main would do at its exit is not the child's. */
		_exit(live(main_pid, ends[1]));
	}
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return err_set_errno(err, "fork");
	}
	*ret_pid = pid;
	*ret_fd = ends[0];
	return 0;
}
