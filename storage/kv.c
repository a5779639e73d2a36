/* A mount's configuration records as JSON objects; see storage/kv.h. */
#include "storage/kv.h"

#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/jsonw.h"

struct kv
kv_of(const char *uuid)
{
	struct kv kv;

	(void)snprintf(kv.prefix, sizeof(kv.prefix), "cfg/%s/", uuid);
	return kv;
}

int
kv_key(const struct kv *kv, const char *name, char key[KV_KEY_MAX],
	struct err *err)
{
	const char *const parts[] = { kv->prefix, name };

	if (!str_join(key, KV_KEY_MAX, parts, ARRAY_LEN(parts)))
		return err_set(err, ERR_LIMIT, 400, "name is too long");
	return 0;
}

/* What we wrote ourselves: that it does not parse is no fault of a caller. */
static int
parse_record(struct span text, struct arena *arena, struct value **ret_value,
	struct err *err)
{
	struct err failure = { 0 };
	int rc = json_parse(
		text, &json_limits_trusted, arena, ret_value, &failure);

	if (rc == 0)
		return 0;
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	(void)err_set(err, ERR_INTERNAL, 500, "internal error");
	(void)err_wrap(
		err, "a configuration record is malformed: %s", failure.detail);
	return ERR_INTERNAL;
}

int
kv_get(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, struct value **ret_value, struct err *err)
{
	char key[KV_KEY_MAX];
	struct span text;
	int rc = kv_key(kv, name, key, err);

	if (rc == 0)
		rc = tx_get(tx, span_str(key), arena, &text, err);
	return rc != 0 ? rc : parse_record(text, arena, ret_value, err);
}

int
kv_put(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct value *value, struct err *err)
{
	char key[KV_KEY_MAX];
	struct buf text;
	int rc = kv_key(kv, name, key, err);

	if (rc != 0)
		return rc;
	buf_init(&text, STORE_VALUE_MAX);
	jsonw_value(&text, value, 0);
	rc = text.rc == ERR_LIMIT
		? err_set(err, ERR_LIMIT, 400,
			  "too large to be stored: a record has %d bytes of JSON at most",
			  STORE_VALUE_MAX)
		: buf_check(&text, err);
	if (rc == 0)
		rc = tx_put(tx, span_str(key), buf_span(&text), err);
	buf_clear(&text);
	return rc;
}

int
kv_delete(struct store_tx *tx, const struct kv *kv, const char *name,
	struct err *err)
{
	char key[KV_KEY_MAX];
	int rc = kv_key(kv, name, key, err);

	return rc != 0 ? rc : tx_delete(tx, span_str(key), err);
}

bool
kv_exists(struct store_tx *tx, const struct kv *kv, const char *name)
{
	char key[KV_KEY_MAX];

	return kv_key(kv, name, key, NULL) == 0 && tx_exists(tx, span_str(key));
}

/* ---- scans -------------------------------------------------------------- */

/* Of the tree of one value; there may be many large ones. */
#define VALUE_MEMORY_MAX (64 * (size_t)STORE_VALUE_MAX)

struct scan {
	size_t skip; /* bytes of a key before the name as fn gets it */
	struct arena *arena;
	kv_scan_fn *fn;
	void *ctx;
};

static int
scan_name(void *ctx, struct span key, UNUSED struct span value, struct err *err)
{
	const struct scan *scan = ctx;
	struct span rest = span_skip(key, scan->skip);
	const char *name = arena_strndup(scan->arena, rest.data, rest.len);

	return name == NULL ? err_set_memory(err)
			    : scan->fn(scan->ctx, name, NULL, err);
}

static int
scan_record(void *ctx, struct span key, struct span value, struct err *err)
{
	const struct scan *scan = ctx;
	struct span rest = span_skip(key, scan->skip);
	const char *name = arena_strndup(scan->arena, rest.data, rest.len);
	struct arena *own = arena_new(VALUE_MEMORY_MAX);
	struct value *object = NULL;
	int rc = name == NULL || own == NULL
		? err_set_memory(err)
		: parse_record(value, own, &object, err);

	if (rc == 0)
		rc = scan->fn(scan->ctx, name, object, err);
	arena_free(&own);
	return rc;
}

static int
scan_below(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *after, size_t limit, bool names_only, struct scan *scan,
	struct err *err)
{
	char key[KV_KEY_MAX], from[2 * KV_KEY_MAX];
	struct span start = SPAN_NONE;
	int rc = kv_key(kv, prefix, key, err);

	if (rc != 0)
		return rc;
	scan->skip = strlen(key);
	if (after != NULL && *after != '\0') {
		(void)snprintf(from, sizeof(from), "%s%s", key, after);
		start = span_str(from);
	}
	return tx_scan(tx, span_str(key), start, limit, names_only,
		names_only ? scan_name : scan_record, scan, err);
}

int
kv_scan(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *after, size_t limit, struct arena *arena, kv_scan_fn *fn,
	void *ctx, struct err *err)
{
	struct scan scan = { .arena = arena, .fn = fn, .ctx = ctx };

	return scan_below(tx, kv, prefix, after, limit, false, &scan, err);
}

int
kv_names(struct store_tx *tx, const struct kv *kv, const char *prefix,
	const char *after, size_t limit, struct arena *arena, kv_scan_fn *fn,
	void *ctx, struct err *err)
{
	struct scan scan = { .arena = arena, .fn = fn, .ctx = ctx };

	return scan_below(tx, kv, prefix, after, limit, true, &scan, err);
}

/* Keys to delete; the one past the limit says that there are more. */
struct doomed {
	struct arena *arena;
	struct span *keys;
	size_t n;
};

static int
keep_key(void *ctx, struct span key, UNUSED struct span value, struct err *err)
{
	struct doomed *doomed = ctx;
	struct span copy = arena_dup(doomed->arena, key);

	if (copy.data == NULL)
		return err_set_memory(err);
	doomed->keys[doomed->n++] = copy;
	return 0;
}

static int
delete_keys(struct store_tx *tx, const struct doomed *doomed, size_t limit,
	struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < doomed->n && i < limit; i++)
		rc = tx_delete(tx, doomed->keys[i], err);
	return rc;
}

int
kv_delete_some(struct store_tx *tx, const struct kv *kv, size_t limit,
	bool *ret_more, struct err *err)
{
	size_t cap = (limit + 1) * (sizeof(struct span) + KV_KEY_MAX + 32);
	struct doomed doomed = { .arena = arena_new(cap + ARENA_CHUNK) };
	int rc = ERR_MEMORY;

	if (doomed.arena != NULL)
		doomed.keys = ARENA_ARRAY(doomed.arena, struct span, limit + 1);
	if (doomed.keys == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	rc = tx_scan(tx, span_str(kv->prefix), SPAN_NONE, limit + 1, true,
		keep_key, &doomed, err);
	if (rc == 0)
		rc = delete_keys(tx, &doomed, limit, err);
	if (rc == 0)
		*ret_more = doomed.n > limit;
out:
	arena_free(&doomed.arena);
	return rc;
}

/* ---- single calls ------------------------------------------------------- */

struct single {
	const struct kv *kv;
	const char *name;
	struct arena *arena;
	const struct value *in;
	struct value *out;
};

static int
read_single(struct store_tx *tx, void *ctx, struct err *err)
{
	struct single *single = ctx;

	return kv_get(
		tx, single->kv, single->name, single->arena, &single->out, err);
}

static int
write_single(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct single *single = ctx;

	return kv_put(tx, single->kv, single->name, single->in, err);
}

int
kv_read(struct store *store, const struct kv *kv, const char *name,
	struct arena *arena, struct value **ret_value, struct err *err)
{
	struct single single = { .kv = kv, .name = name, .arena = arena };
	int rc = store_read(store, read_single, &single, err);

	if (rc == 0)
		*ret_value = single.out;
	return rc;
}

int
kv_write(struct store *store, const struct kv *kv, const char *name,
	const struct value *value, struct err *err)
{
	struct single single = { .kv = kv, .name = name, .in = value };

	return store_write(store, write_single, &single, err);
}
