/*
 * Whether the store is older than what the audit log or the epoch file saw of
 * it, and what comes after a restore (reliability.md R22, R24;
 * docs/storage-format.md, section Rollback).
 */
#ifndef SALLYPORT_SERVER_CORE_ROLLBACK_H
#define SALLYPORT_SERVER_CORE_ROLLBACK_H

#include "lib/err.h"

struct audit_pin;
struct server;

#define ROLLBACK_REASON                                                        \
	"the store is older than the audit log or the epoch file says"

/*
 * While the server opens, with all audit devices open: refuse a store that is
 * behind (ERR_DENIED; detail has the numbers), unless the operator accepts it;
 * such a store, and one put back from a backup, gets its line in the audit
 * log, loses its OTPs and begins a new epoch (*ret_restored). Then the epoch
 * file is written.
 */
int rollback_check(struct server *server, const char *cluster_id, bool accept,
	bool *ret_restored, struct err *err);

/*
 * How far the store is for certain; for audit lines. ctx is the server. Any
 * thread.
 */
void rollback_pin(void *ctx, struct audit_pin *ret_pin);

/* Write the epoch file; where that fails the log says so. */
void rollback_note(struct server *server, const char *cluster_id);

#endif
