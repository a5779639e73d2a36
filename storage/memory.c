/*
 * The backend for tests: two ordered maps in memory, nothing of which survives
 * closing. A map is a sorted array of nodes; each change leaves an undo entry,
 * which serves savepoints and rollback alike. The writer holds the lock from
 * begin to commit, so a reader never sees an open batch.
 */
#include "storage/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/lock.h"

struct node {
	size_t key_len, value_len;
	uint8_t bytes[]; /* key, then value */
};

struct map {
	struct node **nodes; /* by key, bytewise */
	size_t n, cap;
};

struct undo {
	struct map *map;
	struct node *old, *new; /* either may be NULL */
};

static struct guard memory_guard;

struct memory {
	struct backend backend;
	pthread_rwlock_t lock;
	struct map records GUARDED_BY(memory_guard);
	/* Due time, big endian, then key; no values. */
	struct map due GUARDED_BY(memory_guard);
	struct undo *undo GUARDED_BY(memory_guard);
	size_t n_undo GUARDED_BY(memory_guard);
	size_t undo_cap GUARDED_BY(memory_guard);
	size_t savepoint GUARDED_BY(memory_guard); /* n_undo when it was set */
};

#define DUE_PREFIX 8

static struct memory *
memory_of(struct backend *backend)
{
	return (struct memory *)(void *)backend;
}

static struct span
node_key(const struct node *node)
{
	return span_of(node->bytes, node->key_len);
}

static struct span
node_value(const struct node *node)
{
	return span_of(node->bytes + node->key_len, node->value_len);
}

static struct node *
node_new(struct span head, struct span tail, struct span value)
{
	size_t len = head.len + tail.len;
	struct node *node = malloc(sizeof(*node) + len + value.len);

	if (node == NULL)
		return NULL;
	node->key_len = len;
	node->value_len = value.len;
	if (head.len > 0)
		memcpy(node->bytes, head.data, head.len);
	if (tail.len > 0)
		memcpy(node->bytes + head.len, tail.data, tail.len);
	if (value.len > 0)
		memcpy(node->bytes + len, value.data, value.len);
	return node;
}

/* Index of the first node whose key is not before key. */
static size_t
map_seek(const struct map *map, struct span key)
{
	size_t low = 0, high = map->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (span_compare(node_key(map->nodes[middle]), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
map_holds(const struct map *map, size_t i, struct span key)
{
	return i < map->n && span_equal(node_key(map->nodes[i]), key);
}

/* Put node where old stood; one may be NULL. change has made room. */
static void
map_swap(struct map *map, struct node *old, struct node *node)
{
	const struct node *either = node != NULL ? node : old;
	size_t i;

	assert(either != NULL);
	i = map_seek(map, node_key(either));
	if (old != NULL && node != NULL) {
		map->nodes[i] = node;
	} else if (node != NULL) {
		memmove(map->nodes + i + 1, map->nodes + i,
			(map->n - i) * sizeof(*map->nodes));
		map->nodes[i] = node;
		map->n++;
	} else {
		map->n--;
		memmove(map->nodes + i, map->nodes + i + 1,
			(map->n - i) * sizeof(*map->nodes));
	}
}

/* Room for one more element, for every undo to come as well. */
static int
array_grow(void **array, size_t *cap, size_t n, size_t size, struct err *err)
{
	size_t new_cap = *cap == 0 ? 64 : *cap * 2, bytes;
	void *grown = NULL;

	if (n < *cap)
		return 0;
	if (!size_mul(new_cap, size, &bytes))
		return err_set_memory(err);
	grown = realloc(*array, bytes);
	if (grown == NULL)
		return err_set_memory(err);
	*array = grown;
	*cap = new_cap;
	return 0;
}

/* Change a map and note how to undo it; takes node, which may be NULL. */
static int
change(struct memory *memory, struct map *map, struct node *old,
	struct node *node, struct err *err) REQUIRES(memory_guard)
{
	void *nodes = map->nodes, *undo = memory->undo;
	int rc;

	rc = array_grow(&nodes, &map->cap, map->n, sizeof(*map->nodes), err);
	map->nodes = nodes;
	if (rc == 0)
		rc = array_grow(&undo, &memory->undo_cap, memory->n_undo,
			sizeof(*memory->undo), err);
	memory->undo = undo;
	if (rc != 0) {
		free(node);
		return rc;
	}
	map_swap(map, old, node);
	memory->undo[memory->n_undo++] =
		(struct undo){ .map = map, .old = old, .new = node };
	return 0;
}

static int
map_put(struct memory *memory, struct map *map, struct span head,
	struct span tail, struct span value, struct err *err)
	REQUIRES(memory_guard)
{
	struct node *node = node_new(head, tail, value);
	size_t i;

	if (node == NULL)
		return err_set_memory(err);
	i = map_seek(map, node_key(node));
	return change(memory, map,
		map_holds(map, i, node_key(node)) ? map->nodes[i] : NULL, node,
		err);
}

static int
map_del(struct memory *memory, struct map *map, struct span key,
	struct err *err) REQUIRES(memory_guard)
{
	size_t i = map_seek(map, key);

	if (!map_holds(map, i, key))
		return 0;
	return change(memory, map, map->nodes[i], NULL, err);
}

/* ---- transactions --------------------------------------------------- */

static int
memory_begin(struct backend *backend, struct err *err) ACQUIRES(memory_guard)
{
	(void)err;
	lock_write(&memory_of(backend)->lock, &memory_guard);
	return 0;
}

static int
memory_savepoint(struct backend *backend, struct err *err)
	REQUIRES(memory_guard)
{
	struct memory *memory = memory_of(backend);

	(void)err;
	memory->savepoint = memory->n_undo;
	return 0;
}

static int
memory_release(struct backend *backend, struct err *err)
{
	(void)backend;
	(void)err;
	return 0;
}

static void
undo_down_to(struct memory *memory, size_t n) REQUIRES(memory_guard)
{
	struct undo *undo = NULL;

	while (memory->n_undo > n) {
		undo = &memory->undo[--memory->n_undo];
		map_swap(undo->map, undo->new, undo->old);
		free(undo->new);
	}
}

static int
memory_rollback_to(struct backend *backend, struct err *err)
	REQUIRES(memory_guard)
{
	struct memory *memory = memory_of(backend);

	(void)err;
	undo_down_to(memory, memory->savepoint);
	return 0;
}

static int
memory_commit(struct backend *backend, struct err *err) RELEASES(memory_guard)
{
	struct memory *memory = memory_of(backend);
	size_t i;

	(void)err;
	for (i = 0; i < memory->n_undo; i++)
		free(memory->undo[i].old);
	memory->n_undo = 0;
	lock_end_write(&memory->lock, &memory_guard);
	return 0;
}

static void
memory_rollback(struct backend *backend) RELEASES(memory_guard)
{
	struct memory *memory = memory_of(backend);

	undo_down_to(memory, 0);
	lock_end_write(&memory->lock, &memory_guard);
}

/* ---- records -------------------------------------------------------- */

static int
memory_put(struct backend *backend, struct span key, struct span value,
	struct err *err) REQUIRES(memory_guard)
{
	struct memory *memory = memory_of(backend);

	return map_put(memory, &memory->records, SPAN_NONE, key, value, err);
}

static int
memory_del(struct backend *backend, struct span key, struct err *err)
	REQUIRES(memory_guard)
{
	struct memory *memory = memory_of(backend);

	return map_del(memory, &memory->records, key, err);
}

static int
memory_get(struct backend *backend, struct backend_reader *reader,
	struct span key, struct buf *out, struct err *err)
{
	const struct map *map = &memory_of(backend)->records;
	size_t i = map_seek(map, key);

	(void)reader;
	if (!map_holds(map, i, key))
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	(void)buf_add_span(out, node_value(map->nodes[i]));
	return buf_check(out, err);
}

static int
memory_scan(struct backend *backend, struct backend_reader *reader,
	struct span prefix, struct span after, size_t limit, bool keys_only,
	backend_row_fn *fn, void *ctx, struct err *err)
{
	const struct map *map = &memory_of(backend)->records;
	size_t i = map_seek(map, prefix), n = 0;
	const struct node *node = NULL;
	int rc = 0;

	(void)reader;
	if (span_compare(after, prefix) >= 0) {
		i = map_seek(map, after);
		i += map_holds(map, i, after) && after.len > 0;
	}
	for (; rc == 0 && i < map->n && (limit == 0 || n < limit); i++, n++) {
		node = map->nodes[i];
		if (!span_has_prefix(node_key(node), prefix))
			break;
		rc = fn(ctx, node_key(node),
			keys_only ? SPAN_NONE : node_value(node), err);
	}
	return rc < 0 ? rc : 0;
}

/* ---- due times ------------------------------------------------------ */

/* Big endian with the sign turned, so that bytes sort as numbers do. */
static void
due_encode(int64_t due_s, uint8_t out[DUE_PREFIX])
{
	uint64_t n = (uint64_t)due_s ^ (UINT64_C(1) << 63);
	int i;

	for (i = DUE_PREFIX - 1; i >= 0; i--, n >>= 8)
		out[i] = (uint8_t)(n & 0xff);
}

static int64_t
due_decode(const uint8_t *bytes)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < DUE_PREFIX; i++)
		n = n << 8 | bytes[i];
	return (int64_t)(n ^ (UINT64_C(1) << 63));
}

static int
memory_due_put(struct backend *backend, int64_t due_s, struct span key,
	struct err *err) REQUIRES(memory_guard)
{
	struct memory *memory = memory_of(backend);
	uint8_t head[DUE_PREFIX];

	due_encode(due_s, head);
	return map_put(memory, &memory->due, span_of(head, DUE_PREFIX), key,
		SPAN_NONE, err);
}

static int
memory_due_del(struct backend *backend, int64_t due_s, struct span key,
	struct err *err) REQUIRES(memory_guard)
{
	struct memory *memory = memory_of(backend);
	uint8_t bytes[DUE_PREFIX + STORE_KEY_MAX];

	due_encode(due_s, bytes);
	if (key.len > 0)
		memcpy(bytes + DUE_PREFIX, key.data, key.len);
	return map_del(memory, &memory->due,
		span_of(bytes, DUE_PREFIX + key.len), err);
}

static int
memory_due_scan(struct backend *backend, struct backend_reader *reader,
	int64_t until_s, size_t limit, backend_due_fn *fn, void *ctx,
	struct err *err)
{
	const struct map *map = &memory_of(backend)->due;
	struct span key;
	int64_t due_s;
	size_t i;
	int rc = 0;

	(void)reader;
	for (i = 0; rc == 0 && i < map->n && (limit == 0 || i < limit); i++) {
		key = node_key(map->nodes[i]);
		due_s = due_decode(key.data);
		if (due_s > until_s)
			break;
		rc = fn(ctx, due_s, span_skip(key, DUE_PREFIX), err);
	}
	return rc < 0 ? rc : 0;
}

/* ---- the rest ------------------------------------------------------- */

static int
memory_checkpoint(struct backend *backend, bool now, struct err *err)
{
	(void)backend;
	(void)now;
	(void)err;
	return 0;
}

static int
memory_backup(struct backend *backend, const char *path, bool begin,
	bool *ret_more, struct err *err)
{
	(void)backend;
	(void)path;
	(void)begin;
	(void)ret_more;
	return err_set(
		err, ERR_INPUT, 400, "a store in memory cannot be backed up");
}

static int
memory_reader_get(struct backend *backend, struct backend_reader **ret_reader,
	struct err *err) ACQUIRES_SHARED(memory_guard)
{
	(void)err;
	lock_read(&memory_of(backend)->lock, &memory_guard);
	*ret_reader = (struct backend_reader *)(void *)backend;
	return 0;
}

static void
memory_reader_put(struct backend *backend, struct backend_reader *reader)
	RELEASES_SHARED(memory_guard)
{
	(void)reader;
	lock_end_read(&memory_of(backend)->lock, &memory_guard);
}

static const char *
memory_describe(struct backend *backend)
{
	(void)backend;
	return "in memory, lost at exit";
}

static void
map_clear(struct map *map)
{
	size_t i;

	for (i = 0; i < map->n; i++)
		free(map->nodes[i]);
	free(map->nodes);
}

static void
memory_close(struct backend *backend)
{
	struct memory *memory = memory_of(backend);

	guard_unshared(&memory_guard);
	map_clear(&memory->records);
	map_clear(&memory->due);
	free(memory->undo);
	pthread_rwlock_destroy(&memory->lock);
	free(memory);
}

static const struct backend_ops memory_ops = {
	.kind = "memory",
	.close = memory_close,
	.describe = memory_describe,
	.begin = memory_begin,
	.savepoint = memory_savepoint,
	.release = memory_release,
	.rollback_to = memory_rollback_to,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.put = memory_put,
	.del = memory_del,
	.due_put = memory_due_put,
	.due_del = memory_due_del,
	.checkpoint = memory_checkpoint,
	.backup = memory_backup,
	.get = memory_get,
	.scan = memory_scan,
	.due_scan = memory_due_scan,
	.reader_get = memory_reader_get,
	.reader_put = memory_reader_put,
};

struct backend *
memory_backend_new(void)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (memory == NULL)
		return NULL;
	memory->backend.ops = &memory_ops;
	pthread_rwlock_init(&memory->lock, NULL);
	return &memory->backend;
}

int
store_open_memory(const struct store_settings *settings,
	struct store **ret_store, struct err *err)
{
	struct backend *backend = memory_backend_new();

	if (backend == NULL)
		return err_set_memory(err);
	return store_open_backend(backend, settings, ret_store, err);
}
