/*
 * Turns at a machine: who reads a text there, changes it and writes it back
 * must not meet another of ours that does the same.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_TARGET_LOCK_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_TARGET_LOCK_H

#include <pthread.h>

#include "lib/err.h"

/* A place in the line for a name, on the stack of who takes it. */
struct target_lock {
	const char *name; /* there as long as the turn */
	pthread_cond_t turn;
	struct target_lock *next; /* in line behind it, for whatever name */
};

/*
 * Wait for the turn at this name, in order of arrival, until end_ns of the
 * boot clock at most. ERR_TIMEOUT (500): then there is nothing to give back.
 */
int target_lock_take(struct target_lock *lock, const char *name, int64_t end_ns,
	struct err *err) WARN_UNUSED;
void target_lock_give(struct target_lock *lock);

#endif
