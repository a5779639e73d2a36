/* What writing a target's record changes beside it; all within its closure. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_RECORDS_TARGET_INDEX_H
#define SALLYPORT_SERVER_ENGINES_SSH_RECORDS_TARGET_INDEX_H

#include "server/engines/ssh/records/target.h"

/* The entry by which target_find_by_address finds it. */
int target_index_add(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct ssh_target *target, struct arena *arena, struct err *err);
int target_index_drop(struct store_tx *tx, const struct kv *kv,
	const char *name, const struct ssh_target *target, struct arena *arena,
	struct err *err);

/* Keys that were learned for an address: a target's own stand in for them. */
int target_forget_pins(struct store_tx *tx, const struct kv *kv,
	const char *host, int64_t port, struct arena *arena, struct err *err);

/* Store the record itself, whose address is as it was. */
int target_put(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct ssh_target *target, struct arena *arena, struct err *err);

#endif
