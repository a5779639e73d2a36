/*
 * The keeper's own side: the root key R, the shares of a round, and the CA
 * keys that it opened. It takes a message and gives the answer (ipc.h,
 * keeper_op.h); who carries them is not its business. Any thread.
 */
#ifndef SALLYPORT_SERVER_KEEPER_SAFE_H
#define SALLYPORT_SERVER_KEEPER_SAFE_H

#include "lib/buf.h"

struct safe;

int safe_new(struct safe **ret_safe, struct err *err);
void safe_free(struct safe **safe);

/* An answer for any bytes at all; fails only where out cannot hold one. */
int safe_answer(
	struct safe *safe, struct span in, struct buf *out, struct err *err);

/*
 * Whether this message takes seconds: others do not wait behind it. Of these
 * so many are answered at once; ERR_BUSY (503) is the answer to one more.
 */
#define SAFE_SLOW_MAX 2
bool safe_is_slow(struct span in);

/* Forget R, shares and opened keys. */
void safe_seal(struct safe *safe);

#endif
