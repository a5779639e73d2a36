/*
 * Looking for damage: records are opened and checked, nothing is changed. A
 * damaged record is refused whenever it is read; a scrub finds it before
 * somebody needs it (reliability.md R08).
 */
#ifndef SALLYPORT_STORAGE_SCRUB_H
#define SALLYPORT_STORAGE_SCRUB_H

#include "storage/store.h"

/* A pass over all sealed records, step by step; zeros: from the start. */
struct scrub {
	uint8_t after[STORE_KEY_MAX]; /* key of the last record looked at */
	size_t after_len;
	uint64_t n_records, n_damaged; /* looked at so far */
	bool skip_rows;                /* and their owners' index */
	bool done;
};

/* A record that cannot be read: its kind and its name, in printable text. */
typedef void scrub_fn(void *ctx, const char *record);

/*
 * Look at the next few hundred records, in a snapshot of their own; fn is
 * called outside of it. An error is one of the store as a whole.
 */
int scrub_step(struct store *store, struct scrub *scrub, scrub_fn *fn,
	void *ctx, struct err *err);

/*
 * Look at all that is not a row: configuration of whatever mount, paths,
 * aliases, the outbox. A key that is damaged may hide from who looks for it,
 * but not from this. ERR_CRYPTO, with detail naming the record.
 */
int scrub_configuration(struct store *store, struct err *err);

/*
 * Look at the newest n rows (some more may be looked at). ERR_CRYPTO, with
 * detail naming the record, where one cannot be read.
 */
int scrub_newest(struct store *store, size_t n, struct err *err);

#endif
