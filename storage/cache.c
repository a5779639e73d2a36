/*
 * Compiled records by type and key, in shards with a lock each. A shard counts
 * a generation up whenever something of it is dropped; what was read before is
 * then not kept, since its snapshot may be older than the drop. For room, the
 * entry that was longest without a hit goes first (second chance).
 */
#include "storage/cache.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "lib/lock.h"
#include "lib/random.h"
#include "storage/inside.h"

#define SHARDS 16
#define BUCKETS_MIN 64
#define RECORD_ARENA_MAX (STORE_VALUE_MAX + 2 * ARENA_CHUNK)

struct compiled {
	struct compiled *chain;         /* next in its bucket */
	struct compiled *newer, *older; /* in its shard's list */
	const struct compiled_type *type;
	void *object; /* NULL: there is no such record */
	size_t size;  /* what it counts for */
	uint64_t hash;
	_Atomic uint32_t refs; /* callers', and one of the cache */
	bool used;             /* hit since it came or was last spared */
	size_t key_len;
	uint8_t key[];
};

static struct guard shard_guard;

struct shard {
	pthread_mutex_t lock;
	struct compiled **buckets GUARDED_BY(shard_guard);
	size_t n_buckets GUARDED_BY(shard_guard); /* a power of two */
	size_t n GUARDED_BY(shard_guard);
	size_t size GUARDED_BY(shard_guard);
	struct compiled *newest GUARDED_BY(shard_guard);
	struct compiled *oldest GUARDED_BY(shard_guard);
	uint64_t generation GUARDED_BY(shard_guard);
};

struct cache {
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	size_t shard_size_max;
	struct shard shards[SHARDS];
};

/* ---- entries --------------------------------------------------------- */

static struct compiled *
compiled_new(const struct compiled_type *type, struct span key, uint64_t hash,
	void *object, size_t size)
{
	struct compiled *entry = malloc(sizeof(*entry) + key.len);

	if (entry == NULL)
		return NULL;
	*entry = (struct compiled){
		.type = type,
		.object = object,
		.size = sizeof(*entry) + key.len + size,
		.hash = hash,
		.refs = 1,
		.key_len = key.len,
	};
	if (key.len > 0)
		memcpy(entry->key, key.data, key.len);
	return entry;
}

const void *
compiled_object(const struct compiled *ref)
{
	return ref->object;
}

void
compiled_unref(struct compiled **ref)
{
	struct compiled *entry = *ref;

	*ref = NULL;
	if (entry == NULL || atomic_fetch_sub(&entry->refs, 1) != 1)
		return;
	if (entry->object != NULL)
		entry->type->free(entry->object);
	free(entry);
}

/* ---- shards, their lock held ----------------------------------------- */

static struct shard *
shard_of(struct cache *cache, uint64_t hash)
{
	return &cache->shards[hash % SHARDS];
}

/* The low bits chose the shard. */
static struct compiled **
bucket_of(struct shard *shard, uint64_t hash) REQUIRES(shard_guard)
{
	return &shard->buckets[hash / SHARDS & (shard->n_buckets - 1)];
}

static void
list_add(struct shard *shard, struct compiled *entry) REQUIRES(shard_guard)
{
	entry->newer = NULL;
	entry->older = shard->newest;
	if (shard->newest != NULL)
		shard->newest->newer = entry;
	else
		shard->oldest = entry;
	shard->newest = entry;
}

static void
list_remove(struct shard *shard, struct compiled *entry) REQUIRES(shard_guard)
{
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		shard->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		shard->oldest = entry->newer;
}

/* Take an entry out and put it on a list of those to let go, by chain. */
static void
shard_remove(struct shard *shard, struct compiled *entry,
	struct compiled **gone) REQUIRES(shard_guard)
{
	struct compiled **at = bucket_of(shard, entry->hash);

	while (*at != entry)
		at = &(*at)->chain;
	*at = entry->chain;
	list_remove(shard, entry);
	shard->n--;
	shard->size -= entry->size;
	entry->chain = *gone;
	*gone = entry;
}

static bool
is_of(const struct compiled *entry, const struct compiled_type *type,
	struct span key, uint64_t hash)
{
	return entry->hash == hash && entry->type == type &&
		span_equal(span_of(entry->key, entry->key_len), key);
}

static struct compiled *
shard_find(struct shard *shard, const struct compiled_type *type,
	struct span key, uint64_t hash) REQUIRES(shard_guard)
{
	struct compiled *entry = *bucket_of(shard, hash);

	while (entry != NULL && !is_of(entry, type, key, hash))
		entry = entry->chain;
	return entry;
}

/* More buckets once there are as many entries; without memory, longer chains */
static void
shard_grow(struct shard *shard) REQUIRES(shard_guard)
{
	struct shard grown = { .n_buckets = shard->n_buckets * 2 };
	struct compiled *entry = NULL, **at = NULL;

	if (shard->n < shard->n_buckets)
		return;
	grown.buckets = calloc(grown.n_buckets, sizeof(struct compiled *));
	if (grown.buckets == NULL)
		return;
	for (entry = shard->newest; entry != NULL; entry = entry->older) {
		at = bucket_of(&grown, entry->hash);
		entry->chain = *at;
		*at = entry;
	}
	free(shard->buckets);
	shard->buckets = grown.buckets;
	shard->n_buckets = grown.n_buckets;
}

static void
shard_make_room(struct shard *shard, size_t size_max, struct compiled **gone)
	REQUIRES(shard_guard)
{
	struct compiled *entry = NULL;

	while (shard->size > size_max) {
		entry = shard->oldest;
		/* The size is that of the entries, so there is one.
		 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		if (!entry->used) {
			shard_remove(shard, entry, gone);
			continue;
		}
		entry->used = false;
		list_remove(shard, entry);
		list_add(shard, entry);
	}
}

static void
shard_wipe(struct shard *shard, struct compiled **gone) REQUIRES(shard_guard)
{
	while (shard->oldest != NULL)
		shard_remove(shard, shard->oldest, gone);
	shard->generation++;
}

/* After the lock: freeing an object may take a while. */
static void
let_go(struct compiled *gone)
{
	struct compiled *next = NULL;

	for (; gone != NULL; gone = next) {
		next = gone->chain;
		compiled_unref(&gone);
	}
}

/* ---- the cache ------------------------------------------------------- */

struct cache *
cache_new(size_t size_max)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	size_t i;

	guard_unshared(&shard_guard);
	if (cache == NULL)
		return NULL;
	random_bytes(cache->hash_key, sizeof(cache->hash_key));
	cache->shard_size_max = size_max / SHARDS;
	for (i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&cache->shards[i].lock, NULL);
		cache->shards[i].n_buckets = BUCKETS_MIN;
		cache->shards[i].buckets =
			calloc(BUCKETS_MIN, sizeof(struct compiled *));
		if (cache->shards[i].buckets == NULL) {
			cache_free(&cache);
			return NULL;
		}
	}
	return cache;
}

void
cache_free(struct cache **cache)
{
	size_t i;

	guard_unshared(&shard_guard);
	if (*cache == NULL)
		return;
	cache_wipe(*cache);
	for (i = 0; i < SHARDS; i++) {
		free((*cache)->shards[i].buckets);
		pthread_mutex_destroy(&(*cache)->shards[i].lock);
	}
	free(*cache);
	*cache = NULL;
}

uint64_t
cache_hash(const struct cache *cache, struct span key)
{
	uint64_t hash;

	(void)crypto_shorthash(
		(uint8_t *)&hash, key.data, key.len, cache->hash_key);
	return hash;
}

static void
drop_one(struct cache *cache, uint64_t hash)
{
	struct shard *shard = shard_of(cache, hash);
	struct compiled *entry = NULL, *next = NULL, *gone = NULL;

	lock_take(&shard->lock, &shard_guard);
	shard->generation++;
	for (entry = *bucket_of(shard, hash); entry != NULL; entry = next) {
		next = entry->chain;
		if (entry->hash == hash)
			shard_remove(shard, entry, &gone);
	}
	lock_give(&shard->lock, &shard_guard);
	let_go(gone);
}

void
cache_drop(struct cache *cache, const uint64_t *hashes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		drop_one(cache, hashes[i]);
}

void
cache_wipe(struct cache *cache)
{
	struct compiled *gone = NULL;
	size_t i;

	for (i = 0; i < SHARDS; i++) {
		lock_take(&cache->shards[i].lock, &shard_guard);
		shard_wipe(&cache->shards[i], &gone);
		lock_give(&cache->shards[i].lock, &shard_guard);
	}
	let_go(gone);
}

/* The entry with a reference for the caller, or NULL and the generation. */
static struct compiled *
cache_find(struct cache *cache, const struct compiled_type *type,
	struct span key, uint64_t hash, uint64_t *ret_generation)
{
	struct shard *shard = shard_of(cache, hash);
	struct compiled *entry = NULL;

	lock_take(&shard->lock, &shard_guard);
	entry = shard_find(shard, type, key, hash);
	if (entry != NULL) {
		entry->used = true;
		atomic_fetch_add(&entry->refs, 1);
	}
	*ret_generation = shard->generation;
	lock_give(&shard->lock, &shard_guard);
	return entry;
}

/* Keep an entry that was read at a generation, unless that has passed. */
static void
cache_keep(struct cache *cache, struct compiled *entry, uint64_t generation)
{
	struct shard *shard = shard_of(cache, entry->hash);
	struct span key = span_of(entry->key, entry->key_len);
	struct compiled *gone = NULL, **at = NULL;

	if (entry->size > cache->shard_size_max)
		return;
	lock_take(&shard->lock, &shard_guard);
	if (shard->generation == generation &&
		shard_find(shard, entry->type, key, entry->hash) == NULL) {
		shard_grow(shard);
		at = bucket_of(shard, entry->hash);
		entry->chain = *at;
		*at = entry;
		atomic_fetch_add(&entry->refs, 1);
		list_add(shard, entry);
		shard->n++;
		shard->size += entry->size;
		shard_make_room(shard, cache->shard_size_max, &gone);
	}
	lock_give(&shard->lock, &shard_guard);
	let_go(gone);
}

/* ---- reading through ------------------------------------------------- */

struct loading {
	struct span key;
	struct arena *arena;
	struct span value;
};

static int
load_value(struct store_tx *tx, void *ctx, struct err *err)
{
	struct loading *loading = ctx;

	return tx_get(tx, loading->key, loading->arena, &loading->value, err);
}

/* Read and compile. A record that is absent gives object NULL. */
static int
load_object(struct store *store, struct span key,
	const struct compiled_type *type, void **ret_object, size_t *ret_size,
	struct err *err)
{
	struct loading loading = { .key = key };
	struct err own = { 0 };
	int rc;

	loading.arena = arena_new(RECORD_ARENA_MAX);
	if (loading.arena == NULL)
		return err_set_memory(err);
	rc = store_read(store, load_value, &loading, &own);
	if (rc == 0) {
		rc = type->compile(type->ctx, key, loading.value, ret_object,
			ret_size, err);
	} else if (rc == ERR_ABSENT) {
		*ret_object = NULL;
		*ret_size = 0;
		rc = 0;
	} else if (err != NULL && err->code == 0) {
		*err = own;
	}
	arena_free(&loading.arena);
	return rc;
}

static int
load_entry(struct store *store, struct span key, uint64_t hash,
	const struct compiled_type *type, struct compiled **ret_entry,
	struct err *err)
{
	void *object = NULL;
	size_t size = 0;
	int rc = load_object(store, key, type, &object, &size, err);

	if (rc != 0)
		return rc;
	*ret_entry = compiled_new(type, key, hash, object, size);
	if (*ret_entry != NULL)
		return 0;
	if (object != NULL)
		type->free(object);
	return err_set_memory(err);
}

int
store_compiled(struct store *store, struct span key,
	const struct compiled_type *type, struct compiled **ret_ref,
	struct err *err)
{
	struct cache *cache = store->cache;
	uint64_t hash = cache_hash(cache, key), generation;
	struct compiled *entry =
		cache_find(cache, type, key, hash, &generation);
	int rc = 0;

	if (entry == NULL) {
		rc = load_entry(store, key, hash, type, &entry, err);
		if (rc != 0)
			return rc;
		cache_keep(cache, entry, generation);
	}
	/* Gone from the cache it may be, but we hold it.
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	if (entry->object == NULL) {
		compiled_unref(&entry);
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	}
	*ret_ref = entry;
	return 0;
}
