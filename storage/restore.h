/*
 * A store put back from a copy. Every copy that store_backup makes carries a
 * mark, and an operator who accepts an older store sets it; a server that
 * opens a store with the mark drops what must not come back before it answers
 * anybody (reliability.md R22).
 */
#ifndef SALLYPORT_STORAGE_RESTORE_H
#define SALLYPORT_STORAGE_RESTORE_H

#include "storage/store.h"

struct restored {
	bool found;         /* the store had the mark */
	uint64_t epoch;     /* its new epoch, where it was */
	uint64_t n_otps;    /* passwords and the like dropped just now */
	uint64_t n_dynamic; /* dynamic leases that went into the queue */
};

/*
 * Where the mark stands: drop every OTP, spent or not, and put every dynamic
 * lease into the queue, for it may have been revoked since; in transactions of
 * bounded size. The last one raises the epoch, past past_epoch too, and takes
 * the mark away, so that a crash on the way means beginning again. Needs the
 * barrier. Rows that cannot be read stay: they open for nobody.
 */
int restore_finish(struct store *store, uint64_t past_epoch,
	struct restored *ret_restored, struct err *err);

/* Whether the mark stands; setting it. Neither needs the barrier. */
int restore_is_due(struct store *store, bool *ret_due, struct err *err);
int restore_demand(struct store *store, struct err *err);

#endif
