/*
 * The store's schema number and the steps between numbers. An older server
 * refuses a newer file; a step runs in one transaction.
 */
#ifndef SALLYPORT_STORAGE_SCHEMA_H
#define SALLYPORT_STORAGE_SCHEMA_H

#include "storage/store.h"

#define SCHEMA_CURRENT 1

/* Check the number, run the steps that are missing; new stores get it. */
int schema_check(struct store *store, struct err *err);

/* Restores of a backup count up here; see docs/operations.md. */
int schema_epoch(struct store *store, uint64_t *ret_epoch, struct err *err);

#endif
