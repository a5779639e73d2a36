/*
 * Start the helper from inside a foreign process: no SIGCHLD reaches it, no
 * child is left for it, no descriptor stays open (design.md 10).
 */
#ifndef SALLYPORT_HELPER_SPAWN_H
#define SALLYPORT_HELPER_SPAWN_H

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

struct spawn {
	const char *program; /* absolute path */
	int config_fd;       /* handed on */
	bool drop;           /* run as uid and gid */
	uid_t uid;
	gid_t gid;
	struct span frame;  /* for its standard input */
	int64_t timeout_ms; /* until when its line is waited for */
};

/*
 * Run it and collect what it prints (at most out's size_max). ERR_TIMEOUT
 * past the deadline, ERR_LIMIT for too much, ERR_SYSTEM where it could not be
 * started. It ends by itself once this returns.
 */
int spawn_run(const struct spawn *spawn, struct buf *out, struct err *err);

#endif
