/*
 * The limits of a CA (struct keeper_ca_limits) on their way through messages
 * and sealed blobs, and what they ask.
 */
#ifndef SALLYPORT_SERVER_KEEPER_CA_LIMITS_H
#define SALLYPORT_SERVER_KEEPER_CA_LIMITS_H

#include "server/keeper/ipc.h"
#include "server/keeper/keeper.h"

/* Three fields; options as a view into the message, which is bad if they are
 * none. */
struct keeper_ca_limits ca_limits_take(struct ipc_message *message);
void ca_limits_add(struct buf *buf, const struct keeper_ca_limits *limits);

/*
 * Whether options (as in a certificate) have each forced one as it is or, of
 * source-address, narrower.
 */
bool ca_limits_are_forced(struct span forced, struct span options);

/*
 * The limits of a key that is there already may become tighter alone. ERR_INPUT
 * (400) says which would not.
 */
int ca_limits_check_narrower(const struct keeper_ca_limits *from,
	const struct keeper_ca_limits *to, struct err *err);

#endif
