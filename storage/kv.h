/*
 * A mount's own ordered key space of configuration records:
 * cfg/<mount uuid>/<name>. Names stand in clear in the store; a secret never
 * names a record (design.md 5). Values are JSON objects as value trees.
 */
#ifndef SALLYPORT_STORAGE_KV_H
#define SALLYPORT_STORAGE_KV_H

#include "lib/value.h"
#include "storage/cache.h"
#include "storage/store.h"

#define KV_KEY_MAX 512

struct kv {
	char prefix[48]; /* "cfg/<uuid>/" */
};

/* The space of the mount with this uuid text (36 characters). */
struct kv kv_of(const char *uuid);

/* The full store key of a name into key; ERR_LIMIT where it is too long. */
int kv_key(const struct kv *kv, const char *name, char key[KV_KEY_MAX],
	struct err *err);

/*
 * Inside a transaction. kv_get: ERR_ABSENT (404, empty message). kv_put:
 * ERR_LIMIT (400) for what is larger than a value of the store.
 */
int kv_get(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, struct value **ret_value, struct err *err);
int kv_put(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct value *value, struct err *err);
int kv_delete(struct store_tx *tx, const struct kv *kv, const char *name,
	struct err *err);
bool kv_exists(struct store_tx *tx, const struct kv *kv, const char *name);

/*
 * Records whose names begin with prefix, in bytewise order. fn gets the rest
 * of the name, without prefix; after (NULL: from the start) is such a rest.
 * Names are in arena; a value lives until fn returns. Non-zero from fn ends the
 * scan and is returned; 1 ends it with success.
 */
typedef int kv_scan_fn(void *ctx, const char *name, const struct value *value,
	struct err *err);
int kv_scan(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *after, size_t limit, struct arena *arena, kv_scan_fn *fn,
	void *ctx, struct err *err);

/*
 * Their names alone, whatever is in them: value is NULL, nothing is opened, and
 * what cannot be read is named all the same.
 */
int kv_names(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *after, size_t limit, struct arena *arena, kv_scan_fn *fn,
	void *ctx, struct err *err);

/*
 * Delete up to limit records of the space; *ret_more says that some are left.
 * For a mount that goes away.
 */
int kv_delete_some(struct store_tx *tx, const struct kv *kv, size_t limit,
	bool *ret_more, struct err *err);

/* Single calls with a transaction of their own, values into arena. */
int kv_read(struct store *store, const struct kv *kv, const char *name,
	struct arena *arena, struct value **ret_value, struct err *err);
int kv_write(struct store *store, const struct kv *kv, const char *name,
	const struct value *value, struct err *err);

#endif
