/* For whoever waits for the end of leases on other machines, or mended one. */
#ifndef SALLYPORT_SERVER_CORE_TAKEBACK_ASK_H
#define SALLYPORT_SERVER_CORE_TAKEBACK_ASK_H

#include "storage/lease.h"

struct takeback;

/*
 * Try a row now, on the calling thread, due or not: for whoever asked for the
 * end of a lease and waits for it. 0: it is gone, or was not in the queue. Else
 * why it failed, and the queue goes on. Blocks behind a call under way to the
 * same machine; on workers.
 */
int takeback_now(struct takeback *takeback, struct rowref ref, struct err *err);

/*
 * The same for all queued rows of a mount below a path prefix, up to the first
 * that fails; ERR_TIMEOUT where end_ns (of the server's boot clock) comes
 * before that.
 */
int takeback_below(struct takeback *takeback, const char *mount_uuid,
	const char *prefix, int64_t end_ns, struct err *err);

/*
 * Somebody may have mended a machine, which is named as the mount's lease_hooks
 * do: the rows that wait for it are due now. Reads through the queue.
 */
int takeback_again(struct takeback *takeback, const char *mount_uuid,
	const char *machine, struct err *err);

#endif
