/*
 * How many unknown secrets (one-time passwords) one source address may try.
 * Only misses are counted, so that a host where somebody types nonsense still
 * lets others in (spec/ssh-engine.md 7; reliability.md R13).
 */
#ifndef SALLYPORT_SERVER_API_MISS_LIMIT_H
#define SALLYPORT_SERVER_API_MISS_LIMIT_H

#include "lib/lock.h"
#include "lib/netaddr.h"

#define MISS_LIMIT_BURST 500
#define MISS_LIMIT_PER_S 20
#define MISS_LIMIT_SOURCES 1024

struct miss_source {
	struct netaddr addr;
	int64_t last_ns;
	int64_t left; /* misses, in thousandths */
};

extern struct guard misses_guard;

struct miss_limit {
	pthread_mutex_t lock;
	struct miss_source sources[MISS_LIMIT_SOURCES] GUARDED_BY(misses_guard);
};

#define MISS_LIMIT_INIT                                                        \
	{                                                                      \
		.lock = PTHREAD_MUTEX_INITIALIZER                              \
	}

/* Count a miss at now_ns; false where the source is over its limit. */
bool miss_limit_take(
	struct miss_limit *limit, const struct netaddr *addr, int64_t now_ns);

#endif
