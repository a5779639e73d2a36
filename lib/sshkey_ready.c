/* A table of a few keys, and when each was used. */
#include "lib/sshkey_ready.h"

#include "lib/buf.h"
#include "lib/lock.h"
#include "lib/sshkey.h"

struct ready {
	struct buf blob;
	EVP_PKEY *key;    /* NULL: none yet */
	uint64_t used_at; /* by the table's count */
};

static struct guard table_guard;

static struct {
	pthread_mutex_t mutex;
	struct ready slots[SSHKEY_READY_MAX] GUARDED_BY(table_guard);
	uint64_t n_uses GUARDED_BY(table_guard);
} table = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* Where the blob is; NULL: nowhere. */
static struct ready *
find_slot(struct span blob) REQUIRES(table_guard)
{
	for (size_t i = 0; i < ARRAY_LEN(table.slots); i++) {
		struct ready *slot = &table.slots[i];

		if (slot->key != NULL &&
			span_equal(buf_span(&slot->blob), blob))
			return slot;
	}
	return NULL;
}

static struct ready *
oldest_slot(void) REQUIRES(table_guard)
{
	struct ready *oldest = &table.slots[0];

	for (size_t i = 1; i < ARRAY_LEN(table.slots); i++) {
		if (table.slots[i].used_at < oldest->used_at)
			oldest = &table.slots[i];
	}
	return oldest;
}

EVP_PKEY *
sshkey_ready_find(struct span blob)
{
	struct ready *slot = NULL;
	EVP_PKEY *key = NULL;

	lock_take(&table.mutex, &table_guard);
	slot = find_slot(blob);
	if (slot != NULL && EVP_PKEY_up_ref(slot->key) == 1) {
		slot->used_at = ++table.n_uses;
		key = slot->key;
	}
	lock_give(&table.mutex, &table_guard);
	return key;
}

static void
fill_slot(struct ready *slot, struct span blob, EVP_PKEY *key)
	REQUIRES(table_guard)
{
	EVP_PKEY_free(slot->key);
	slot->key = NULL;
	buf_clear(&slot->blob);
	buf_init(&slot->blob, SSHKEY_BLOB_MAX);
	if (buf_add_span(&slot->blob, blob) == 0 && EVP_PKEY_up_ref(key) == 1) {
		slot->key = key;
		slot->used_at = ++table.n_uses;
	}
}

void
sshkey_ready_keep(struct span blob, EVP_PKEY *key)
{
	lock_take(&table.mutex, &table_guard);
	if (find_slot(blob) == NULL)
		fill_slot(oldest_slot(), blob, key);
	lock_give(&table.mutex, &table_guard);
}
