/*
 * The store's schema number and the steps between numbers. An older server
 * refuses a newer file; a step runs in one transaction.
 */
#ifndef SALLYPORT_STORAGE_SCHEMA_H
#define SALLYPORT_STORAGE_SCHEMA_H

#include "storage/store.h"

#define SCHEMA_CURRENT 1

/*
 * Check the number and run the steps that are missing; an empty store gets
 * the current one. ERR_INPUT, with both numbers, where the store is newer than
 * this server; ERR_CRYPTO where it has records but no number. Works sealed.
 */
int schema_check(struct store *store, struct err *err);

/* 1 at first, and raised whenever the store was put back from a copy. */
int schema_epoch(struct store *store, uint64_t *ret_epoch, struct err *err);

/* Count the epoch up, past `past` too, after a restore; storage/restore.h. */
int schema_raise_epoch(struct store_tx *tx, uint64_t past, uint64_t *ret_epoch,
	struct err *err);

#endif
