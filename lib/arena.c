/*
 * Request memory. A chunk is mapped memory with a header in front; it is
 * always zero behind what was handed out, so allocating never clears and
 * freeing wipes only what was used. Chunks of the usual size wait in a pool,
 * so that a request in its stride makes no system call. The struct arena
 * itself stands at the start of the arena's first chunk.
 */
#include "lib/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/lock.h"
#include "lib/secret.h"

/* Sanitized builds mark what was not handed out, so that touching it shows. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define ARENA_POISON
#endif
#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#define POISON(at, len) ASAN_POISON_MEMORY_REGION((at), (len))
#define UNPOISON(at, len) ASAN_UNPOISON_MEMORY_REGION((at), (len))
#else
#define POISON(at, len) ((void)(at), (void)(len))
#define UNPOISON(at, len) ((void)(at), (void)(len))
#endif

/* At most this many chunks (16 MiB) wait in the pool. */
#define POOL_MAX 1024
#define ALIGNMENT 16

struct chunk {
	struct chunk *next;
	size_t cap;  /* bytes that data holds */
	size_t used; /* of them handed out, padding included */
	_Alignas(ALIGNMENT) uint8_t data[];
};

#define POOLED_CAP (ARENA_CHUNK - sizeof(struct chunk))

struct arena {
	struct chunk *chunks; /* the one being filled first */
	size_t size_max;
	size_t used;
};

static struct guard pool_guard;

static struct {
	pthread_mutex_t mutex;
	struct chunk *free GUARDED_BY(pool_guard);
	size_t n_free GUARDED_BY(pool_guard);
	bool require_lock;
} pool = { .mutex = PTHREAD_MUTEX_INITIALIZER };

void
arena_require_lock(bool on)
{
	pool.require_lock = on;
}

static struct chunk *
chunk_map(size_t cap)
{
	size_t len = cap + sizeof(struct chunk);
	struct chunk *chunk = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chunk == MAP_FAILED)
		return NULL;
	(void)madvise(chunk, len, MADV_DONTDUMP);
	if (mlock(chunk, len) != 0 && pool.require_lock) {
		(void)munmap(chunk, len);
		return NULL;
	}
	chunk->cap = cap;
	POISON(chunk->data, chunk->cap);
	return chunk;
}

static void
chunk_unmap(struct chunk *chunk)
{
	UNPOISON(chunk->data, chunk->cap);
	(void)munmap(chunk, chunk->cap + sizeof(*chunk));
}

static struct chunk *
pool_take(void)
{
	struct chunk *chunk = NULL;

	lock_take(&pool.mutex, &pool_guard);
	chunk = pool.free;
	if (chunk != NULL) {
		pool.free = chunk->next;
		pool.n_free--;
	}
	lock_give(&pool.mutex, &pool_guard);
	return chunk != NULL ? chunk : chunk_map(POOLED_CAP);
}

/* Put a wiped chunk back; false where the pool is full. */
static bool
pool_put(struct chunk *chunk)
{
	bool room;

	lock_take(&pool.mutex, &pool_guard);
	room = pool.n_free < POOL_MAX;
	if (room) {
		chunk->next = pool.free;
		pool.free = chunk;
		pool.n_free++;
	}
	lock_give(&pool.mutex, &pool_guard);
	return room;
}

static void
chunk_return(struct chunk *chunk)
{
	UNPOISON(chunk->data, chunk->used);
	secret_wipe(chunk->data, chunk->used);
	POISON(chunk->data, chunk->used);
	chunk->used = 0;
	if (chunk->cap != POOLED_CAP || !pool_put(chunk))
		chunk_unmap(chunk);
}

void
arena_pool_drain(void)
{
	struct chunk *chunk = NULL, *next = NULL;

	lock_take(&pool.mutex, &pool_guard);
	chunk = pool.free;
	pool.free = NULL;
	pool.n_free = 0;
	lock_give(&pool.mutex, &pool_guard);
	for (; chunk != NULL; chunk = next) {
		next = chunk->next;
		chunk_unmap(chunk);
	}
}

/* Take len bytes of a chunk at a multiple of align; NULL where it is full. */
static void *
chunk_take(struct chunk *chunk, size_t len, size_t align)
{
	size_t start = (chunk->used + align - 1) & ~(align - 1);

	if (start > chunk->cap || len > chunk->cap - start)
		return NULL;
	chunk->used = start + len;
	UNPOISON(chunk->data + start, len);
	return chunk->data + start;
}

struct arena *
arena_new(size_t size_max)
{
	struct chunk *chunk = pool_take();
	struct arena *arena = NULL;

	if (chunk == NULL)
		return NULL;
	chunk->next = NULL;
	arena = chunk_take(chunk, sizeof(*arena), ALIGNMENT);
	if (arena == NULL)
		return NULL; /* cannot be: a new chunk is larger */
	arena->chunks = chunk;
	arena->size_max = size_max;
	return arena;
}

void
arena_free(struct arena **arena)
{
	struct chunk *chunk = NULL, *next = NULL;

	if (*arena == NULL)
		return;
	/* The arena stands in one of these, so it is not touched again. */
	chunk = (*arena)->chunks;
	*arena = NULL;
	for (; chunk != NULL; chunk = next) {
		next = chunk->next;
		chunk_return(chunk);
	}
}

/* Add a chunk that holds len bytes; what is large gets one of its own. */
static struct chunk *
arena_grow(struct arena *arena, size_t len)
{
	struct chunk *chunk = NULL;

	if (len <= POOLED_CAP) {
		chunk = pool_take();
		if (chunk == NULL)
			return NULL;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
		return chunk;
	}
	if (len > SIZE_MAX / 2)
		return NULL;
	chunk = chunk_map(len);
	if (chunk == NULL)
		return NULL;
	/* Behind the first, which still has room for small things. */
	chunk->next = arena->chunks->next;
	arena->chunks->next = chunk;
	return chunk;
}

static void *
take(struct arena *arena, size_t len, size_t align)
{
	struct chunk *chunk = arena->chunks;
	void *memory = NULL;

	if (len > arena->size_max - arena->used)
		return NULL;
	memory = chunk_take(chunk, len, align);
	if (memory == NULL) {
		chunk = arena_grow(arena, len);
		if (chunk == NULL)
			return NULL;
		memory = chunk_take(chunk, len, align);
	}
	arena->used += len;
	return memory;
}

void *
arena_alloc(struct arena *arena, size_t n, size_t size)
{
	size_t len;

	if (!size_mul(n, size, &len))
		return NULL;
	return take(arena, len, ALIGNMENT);
}

char *
arena_strndup(struct arena *arena, const void *data, size_t len)
{
	char *copy = NULL;

	if (len == SIZE_MAX)
		return NULL;
	copy = take(arena, len + 1, 1);
	if (copy != NULL && len > 0)
		memcpy(copy, data, len);
	return copy;
}

char *
arena_strdup(struct arena *arena, const char *str)
{
	return arena_strndup(arena, str, strlen(str));
}

char *
arena_strlower(struct arena *arena, const char *str)
{
	char *copy = arena_strdup(arena, str);

	for (char *at = copy; at != NULL && *at != '\0'; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	}
	return copy;
}

static void
wipe_rest(struct chunk *chunk)
{
	uint8_t *at = chunk->data + chunk->used;
	const size_t room = chunk->cap - chunk->used;

	UNPOISON(at, room);
	secret_wipe(at, room);
	POISON(at, room);
}

/* Into what the chunk has left; what is cut short there leaves no trace. */
static int PRINTF_LIKE(2, 0)
	chunk_printf(struct chunk *chunk, const char *fmt, va_list args)
{
	char *at = (char *)chunk->data + chunk->used;
	const size_t room = chunk->cap - chunk->used;
	int len;

	UNPOISON(at, room);
	len = vsnprintf(at, room, fmt, args);
	POISON(at, room);
	if (len < 0 || (size_t)len >= room)
		wipe_rest(chunk);
	return len;
}

char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
	struct chunk *chunk = arena->chunks;
	char *there = (char *)chunk->data + chunk->used, *text = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = chunk_printf(chunk, fmt, args);
	va_end(args);
	if (len < 0)
		return NULL;
	text = take(arena, (size_t)len + 1, 1);
	if (text == there)
		return text;
	/* The limit may be lower than what the chunk had room for. */
	if (text == NULL) {
		wipe_rest(chunk);
		return NULL;
	}
	va_start(args, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}

struct span
arena_dup(struct arena *arena, struct span span)
{
	char *copy = arena_strndup(arena, span.data, span.len);

	return copy == NULL ? SPAN_NONE : span_of(copy, span.len);
}

size_t
arena_used(const struct arena *arena)
{
	return arena->used;
}
