/* The audit log hears of what the queue takes off other machines. */
#ifndef SALLYPORT_SERVER_CORE_TAKEBACK_AUDIT_H
#define SALLYPORT_SERVER_CORE_TAKEBACK_AUDIT_H

#include "server/core/mount.h"

/*
 * Two lines of the operation "revoke", at the lease's path, with its id: it was
 * removed, or why (not NULL) not. Who cannot write them logs that and goes on,
 * since what ends access is not held up.
 */
void takeback_tell(struct server *server, const struct mount *mount,
	const struct lease *lease, const char *why);

#endif
