/*
 * A store put back from a backup. Every copy that store_backup makes carries a
 * mark; a server that opens a store with the mark drops what must not come
 * back before it answers anybody (reliability.md R22).
 */
#ifndef SALLYPORT_STORAGE_RESTORE_H
#define SALLYPORT_STORAGE_RESTORE_H

#include "storage/store.h"

struct restored {
	bool found;      /* the store was put back from a backup */
	uint64_t epoch;  /* its new epoch, where it was */
	uint64_t n_otps; /* one-time passwords dropped just now */
};

/*
 * Where the mark stands: drop every OTP, spent or not, in transactions of
 * bounded size; the last one raises the epoch and takes the mark away, so that
 * a crash on the way means beginning again. Needs the barrier. Rows that
 * cannot be read stay: they open for nobody.
 */
int restore_finish(
	struct store *store, struct restored *ret_restored, struct err *err);

#endif
