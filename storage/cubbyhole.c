/* Keys of what belongs to one token; the rest is storage/kv.c. */
#include "storage/cubbyhole.h"

#include <inttypes.h>
#include <stdio.h>

void
cubbyhole_answer_key(struct rowref token, char key[CUBBYHOLE_KEY])
{
	(void)snprintf(key, CUBBYHOLE_KEY, "cub/%016" PRIx64, token.row);
}

struct kv
cubbyhole_of(struct rowref token)
{
	char key[CUBBYHOLE_KEY];
	struct kv kv;

	cubbyhole_answer_key(token, key);
	(void)snprintf(kv.prefix, sizeof(kv.prefix), "%s/", key);
	return kv;
}

/* Answer and records: all keys that begin with the row. */
static struct kv
whole_space(struct rowref token)
{
	struct kv kv = { .prefix = "" };

	cubbyhole_answer_key(token, kv.prefix);
	return kv;
}

static int
note_key(void *ctx, UNUSED struct span key, UNUSED struct span value,
	UNUSED struct err *err)
{
	*(bool *)ctx = true;
	return 1;
}

int
cubbyhole_has_any(struct store_tx *tx, struct rowref token, bool *ret_has,
	struct err *err)
{
	struct kv kv = whole_space(token);
	bool has = false;
	int rc = tx_scan(tx, span_str(kv.prefix), SPAN_NONE, 1, true, note_key,
		&has, err);

	if (rc == 0)
		*ret_has = has;
	return rc;
}

int
cubbyhole_drop_some(struct store_tx *tx, struct rowref token, size_t limit,
	bool *ret_more, struct err *err)
{
	struct kv kv = whole_space(token);

	return kv_delete_some(tx, &kv, limit, ret_more, err);
}
