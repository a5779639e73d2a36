/*
 * Whether the keeper still answers: one that is dead shows by its end, one that
 * is stopped, or hangs, shows here alone. Main's thread beats; a thread of its
 * own asks, since an answer may never come.
 */
#ifndef SALLYPORT_SERVER_MAIN_HEARTBEAT_H
#define SALLYPORT_SERVER_MAIN_HEARTBEAT_H

#include "lib/err.h"

struct heartbeat;
struct keeper;

int heartbeat_start(struct keeper *keeper, struct heartbeat **ret_heartbeat,
	struct err *err);

/*
 * Ask the keeper once more: 0. Or, where it has not answered what was asked
 * before, for how many beats now. Beats are counted, not time, so that a
 * machine that slept finds everybody alive.
 */
unsigned heartbeat_beat(struct heartbeat *heartbeat);

/* A keeper that does not answer by then is killed. NULL is fine. */
void heartbeat_stop(struct heartbeat **heartbeat);

#endif
