/*
 * Facts of committed changes, kept in the same transaction until their audit
 * response lines are durable (design.md 7). The facts of one commit lie in one
 * record, which goes when all of them are done.
 */
#ifndef SALLYPORT_STORAGE_OUTBOX_H
#define SALLYPORT_STORAGE_OUTBOX_H

#include "storage/store.h"

struct outbox_fact {
	char request_id[37];
	char record_id[37]; /* out of outbox_scan: the record's first fact */
	int64_t time_ns;
	const char *operation; /* "update" … */
	const char *path;      /* without /v1/ */
	const char *accessor;  /* or ""; each device hashes it its way */
	const char *lease_id;  /* or "" */
	int status;            /* as it would have been answered */
};

/* A record as those see it whose facts lie in it. */
struct outbox_record;

/*
 * Keep a fact with this transaction. Once that is committed *ret_record waits
 * for one outbox_done. NULL: the fact stays until outbox_forget.
 */
int outbox_put(struct store_tx *tx, const struct outbox_fact *fact,
	struct outbox_record **ret_record, struct err *err);

/*
 * What is to become of a fact's line is known. After the last one of a record
 * it goes with a later batch, unless a line is not durable: then it stays
 * whole, for the next start. Never blocks.
 */
void outbox_done(struct store *store, struct outbox_record **ref, bool durable);

/*
 * All facts, those of some records at a time, for the recovered lines at
 * start. Where fn took them (0) outbox_forget has their records deleted. The
 * facts are good during the call.
 */
typedef int outbox_fn(
	void *ctx, const struct outbox_fact *facts, size_t n, struct err *err);
int outbox_scan(struct store *store, outbox_fn *fn, void *ctx, struct err *err);
void outbox_forget(
	struct store *store, const struct outbox_fact *facts, size_t n);

#endif
