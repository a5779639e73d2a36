/*
 * Takes back what is due: one thread that sleeps until the next due time, at
 * most a second late, bounded work in each transaction. Also the once-a-second
 * duties (audit heads into the store).
 */
#ifndef SALLYPORT_SERVER_CORE_EXPIRE_H
#define SALLYPORT_SERVER_CORE_EXPIRE_H

#include "lib/err.h"

struct expire;
struct server;

int expire_new(
	struct server *server, struct expire **ret_expire, struct err *err);
void expire_free(struct expire **expire);

/*
 * Runs between unseal and seal. start fails where there is no thread to be
 * had; stop returns once the thread has ended.
 */
int expire_start(struct expire *expire, struct err *err);
void expire_stop(struct expire *expire);

/* A new due time may be earlier than the one slept for. Cheap, any thread. */
void expire_notice(struct expire *expire, int64_t due_s);

#endif
