/*
 * The one cache of opened records, and of objects compiled from them (an ACL,
 * a parsed role, a token), which hang on the record and die with it. Exact:
 * the writer drops what a batch changed before it wakes anyone, and a value
 * read from an older snapshot is never kept.
 */
#ifndef SALLYPORT_STORAGE_CACHE_H
#define SALLYPORT_STORAGE_CACHE_H

#include "lib/err.h"
#include "lib/span.h"

struct store;

/* How a record becomes an object. One static instance for each kind. */
struct compiled_type {
	const char *name;
	const void *ctx; /* given to compile: which fields, which rules */
	/*
	 * Make an object from an opened value; size is what the cap counts.
	 * The record's key is given for its name.
	 */
	int (*compile)(const void *ctx, struct span key, struct span value,
		void **ret_object, size_t *ret_size, struct err *err);
	void (*free)(void *object); /* wipes */
};

struct compiled; /* counted reference to an object */

/*
 * The object of the record called key, compiled anew only when the record has
 * changed or the object was given up for room; threads that come first at the
 * same time may each compile it. ERR_ABSENT (404, empty message) where there is
 * no such record; absence is remembered too. Outside transactions only. Any
 * thread.
 */
int store_compiled(struct store *store, struct span key,
	const struct compiled_type *type, struct compiled **ret_ref,
	struct err *err);

const void *compiled_object(const struct compiled *ref);

/* Give the reference back and clear the pointer; NULL is fine. */
void compiled_unref(struct compiled **ref);

#endif
