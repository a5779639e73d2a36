/* Walking the configuration records of a key space, page by page. */
#ifndef SALLYPORT_SERVER_CORE_RECORDS_H
#define SALLYPORT_SERVER_CORE_RECORDS_H

#include "storage/kv.h"

/*
 * Call fn, outside transactions, for every record below prefix in order of
 * name (given without prefix). The value lives as long as the call. Non-zero
 * from fn ends the walk and is returned. A record that does not open or parse
 * is an error whose detail names it.
 */
int records_each(struct store *store, const struct kv *kv, const char *prefix,
	kv_scan_fn *fn, void *ctx, struct err *err);

/* Delete one record with a transaction of its own; absent ones are fine. */
int records_delete(struct store *store, const struct kv *kv, const char *name,
	struct err *err);

#endif
