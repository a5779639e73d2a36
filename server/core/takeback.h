/*
 * Takes back what lies on other machines: a few threads that work the queue of
 * LEASE_DYNAMIC rows off (storage/lease.h) through their mounts' lease_hooks.
 * One call at a time for each machine; one that is of no use puts all its rows
 * off. What fails is tried again, after a second at first and then after twice
 * as long each time, ten minutes at most, for ever.
 */
#ifndef SALLYPORT_SERVER_CORE_TAKEBACK_H
#define SALLYPORT_SERVER_CORE_TAKEBACK_H

#include "storage/lease.h"

/* A call of lease_hooks.take_back lasts so long at the most. */
#define TAKEBACK_CALL_MAX_S 90

struct server;
struct takeback;

int takeback_new(
	struct server *server, struct takeback **ret_takeback, struct err *err);
void takeback_free(struct takeback **takeback);

/*
 * Runs between unseal and seal. start makes those rows due whose try died with
 * another process, and fails where that cannot be written or there are no
 * threads to be had; stop returns once they have ended, behind the calls under
 * way, which outbound_halt makes short.
 */
int takeback_start(struct takeback *takeback, struct err *err);
void takeback_stop(struct takeback *takeback);

/* Rows may have come into the queue. Cheap, any thread. */
void takeback_notice(struct takeback *takeback);

/* Since start: calls that took something back, and those that failed. */
struct takeback_counts {
	uint64_t n_done, n_failed;
};

void takeback_count(
	struct takeback *takeback, struct takeback_counts *ret_counts);

#endif
