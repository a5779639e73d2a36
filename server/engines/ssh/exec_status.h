/* How a command of exec ended, from how the call over SSH did. Pure. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_EXEC_STATUS_H
#define SALLYPORT_SERVER_ENGINES_SSH_EXEC_STATUS_H

#include "server/outbound/outbound.h"

struct exec_status {
	int code;         /* its own; 128 and more by a signal; -1: not known */
	const char *name; /* exited, signaled, lost, timeout */
	const char *why;  /* code -1: text for people; else "" */
};

/* Whether the target may have begun the command: it is not run twice then. */
bool exec_was_begun(const struct outbound_ssh_answer *answer);

/* Of an answer whose command was begun. */
struct exec_status exec_status_of(const struct outbound_ssh_answer *answer);

#endif
