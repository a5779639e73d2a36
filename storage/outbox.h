/*
 * Facts of a committed change, kept in the same transaction until its audit
 * response line is durable (design.md 7).
 */
#ifndef SALLYPORT_STORAGE_OUTBOX_H
#define SALLYPORT_STORAGE_OUTBOX_H

#include "storage/store.h"

struct outbox_fact {
	char request_id[37];
	int64_t time_ns;
	const char *operation; /* "update" … */
	const char *path;      /* without /v1/ */
	const char *accessor;  /* or ""; each device hashes it its way */
	const char *lease_id;  /* or "" */
	int status;            /* as it would have been answered */
};

int outbox_put(
	struct store_tx *tx, const struct outbox_fact *fact, struct err *err);

/* The line is durable: the row goes with a later batch. Never blocks. */
void outbox_done(struct store *store, const char *request_id);

/*
 * All rows in order of their ids, some at a time, for the recovered lines at
 * start; then deleted by the caller. The facts are good during the call.
 */
typedef int outbox_fn(
	void *ctx, const struct outbox_fact *facts, size_t n, struct err *err);
int outbox_scan(struct store *store, outbox_fn *fn, void *ctx, struct err *err);

#endif
