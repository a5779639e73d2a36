/*
 * A request's memory: a capped bump allocator whose chunks are locked, left
 * out of core dumps, pooled, and wiped when they return to the pool. Nothing
 * is freed on its own; arena_free ends it all. One thread at a time.
 */
#ifndef SALLYPORT_LIB_ARENA_H
#define SALLYPORT_LIB_ARENA_H

#include "lib/err.h"
#include "lib/span.h"

struct arena;

/* Chunk size of the pool; a larger request gets a chunk of its own. */
#define ARENA_CHUNK 16384

/*
 * Whether chunks must be locked in memory: on, a failing mlock makes arena_new
 * and arena_alloc fail; off (the default until set), it is ignored. Call once,
 * before threads start.
 */
void arena_require_lock(bool on);

/* A new arena that hands out at most size_max bytes. NULL: no memory. */
struct arena *arena_new(size_t size_max);

/* Wipe, return the chunks to the pool, clear the caller's pointer. */
void arena_free(struct arena **arena);

/* n * size zeroed bytes, aligned for any type; NULL: no memory or past cap. */
void *arena_alloc(struct arena *arena, size_t n, size_t size);

/* A NUL-terminated copy of the bytes; NULL on failure. */
char *arena_strndup(struct arena *arena, const void *data, size_t len);
char *arena_strdup(struct arena *arena, const char *str);

/* A copy with A to Z in lower case; NULL on failure. */
char *arena_strlower(struct arena *arena, const char *str);

/* A formatted string; NULL on failure. */
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A copy of the span's bytes (NUL behind them); data NULL on failure. */
struct span arena_dup(struct arena *arena, struct span span);

/* Bytes handed out so far. */
size_t arena_used(const struct arena *arena);

/* Free all pooled chunks; for tests and for the end of a process. */
void arena_pool_drain(void);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, type, n)                                            \
	((type *)arena_alloc((arena), (n), sizeof(type)))

#endif
