/*
 * What a token keeps for itself alone: records under cub/<token row>/<name>,
 * and the answer that a wrapping token stands for under cub/<token row>. All
 * of it goes with the token's row, inside the same revocation
 * (storage/lease_revoke.c).
 */
#ifndef SALLYPORT_STORAGE_CUBBYHOLE_H
#define SALLYPORT_STORAGE_CUBBYHOLE_H

#include "storage/kv.h"
#include "storage/rowid.h"

/* The records' space, to be used as any other. */
struct kv cubbyhole_of(struct rowref token);

/* The key of the wrapped answer. */
#define CUBBYHOLE_KEY 24
void cubbyhole_answer_key(struct rowref token, char key[CUBBYHOLE_KEY]);

/* Whether there is anything of the token's. */
int cubbyhole_has_any(struct store_tx *tx, struct rowref token, bool *ret_has,
	struct err *err);

/* Delete up to limit records of it; *ret_more says that some are left. */
int cubbyhole_drop_some(struct store_tx *tx, struct rowref token, size_t limit,
	bool *ret_more, struct err *err);

#endif
