/*
 * The keeper's process: forked, stripped of all that it does not need, serving
 * its socket until main is gone.
 */
#ifndef SALLYPORT_SERVER_KEEPER_SPAWN_H
#define SALLYPORT_SERVER_KEEPER_SPAWN_H

#include <sys/types.h>

#include "lib/err.h"

/*
 * Start it; *ret_fd is the caller's end of the socket. Only before there are
 * threads or anything worth keeping. argc and argv are main's, for the name in
 * the child's command line, or 0 and NULL. ERR_SYSTEM.
 */
int spawn_keeper(
	int argc, char **argv, pid_t *ret_pid, int *ret_fd, struct err *err);

#endif
