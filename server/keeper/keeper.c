/*
 * Where a keeper is: in this process, for tests, or in one of its own. In
 * either case only bytes go there and come back.
 */
#include "server/keeper/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/keeper/link.h"
#include "server/keeper/safe.h"
#include "server/keeper/spawn.h"

#define END_S 5

struct keeper {
	struct safe *safe; /* here, */
	struct link *link; /* or there */
	pid_t pid;
};

int
keeper_new(struct keeper **ret_keeper, struct err *err)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	int rc;

	if (keeper == NULL)
		return err_set_memory(err);
	rc = safe_new(&keeper->safe, err);
	if (rc != 0) {
		free(keeper);
		return rc;
	}
	*ret_keeper = keeper;
	return 0;
}

int
keeper_spawn(int argc, char **argv, struct keeper **ret_keeper, struct err *err)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	int fd = -1, rc;

	if (keeper == NULL)
		return err_set_memory(err);
	rc = spawn_keeper(argc, argv, &keeper->pid, &fd, err);
	if (rc == 0)
		rc = link_new(fd, &keeper->link, err);
	if (rc != 0) {
		if (fd >= 0)
			(void)close(fd);
		keeper_free(&keeper);
		return rc;
	}
	*ret_keeper = keeper;
	return 0;
}

/* It ends by itself, wiping what it holds; if not, it is ended. */
static void
reap(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

void
keeper_free(struct keeper **keeper)
{
	struct keeper *old = *keeper;

	if (old == NULL)
		return;
	safe_free(&old->safe);
	link_free(&old->link, END_S);
	if (old->pid > 0)
		reap(old->pid);
	free(old);
	*keeper = NULL;
}

void
keeper_kill(struct keeper *keeper)
{
	if (keeper->pid > 0)
		(void)kill(keeper->pid, SIGKILL);
}

bool
keeper_has_ended(struct keeper *keeper, int *ret_status)
{
	if (keeper->pid <= 0 ||
		waitpid(keeper->pid, ret_status, WNOHANG) != keeper->pid)
		return false;
	keeper->pid = 0;
	return true;
}

int
keeper_call(
	struct keeper *keeper, struct span in, struct buf *out, struct err *err)
{
	if (keeper->link != NULL)
		return link_call(keeper->link, in, out, err);
	return safe_answer(keeper->safe, in, out, err);
}

void
keeper_begin(struct keeper *keeper, struct span in, struct link_job *job)
{
	if (keeper->link != NULL) {
		link_begin(keeper->link, in, job);
		return;
	}
	job->rc = safe_answer(keeper->safe, in, job->out, NULL);
	job->done(job);
}
