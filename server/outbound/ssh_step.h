/* One step in an open connection: a command run, or a file written. */
#ifndef SALLYPORT_SERVER_OUTBOUND_SSH_STEP_H
#define SALLYPORT_SERVER_OUTBOUND_SSH_STEP_H

#include "server/outbound/ssh_peer.h"

/*
 * Make a step; its result's bytes lie in arena. *ret_end: DONE where it
 * succeeded or may fail, _STEP, _LOST or _LATE with the peer's why set.
 * *ret_begun: the other side may have acted on it. ERR_MEMORY alone fails.
 */
int ssh_step_make(struct ssh_peer *peer, const struct outbound_ssh_step *step,
	struct arena *arena, struct outbound_ssh_result *ret_result,
	enum outbound_ssh_end *ret_end, bool *ret_begun, struct err *err);

#endif
