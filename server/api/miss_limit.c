/*
 * A bucket for each source, in a table of fixed size: a newcomer whose place
 * is taken takes it over, since a limit that forgets is better than memory
 * that strangers can grow.
 */
#include "server/api/miss_limit.h"

#include <string.h>

#include "lib/clock.h"

struct guard misses_guard;

#define THOUSAND 1000
#define FULL ((int64_t)MISS_LIMIT_BURST * THOUSAND)

/* FNV-1a: spread is all that is asked of it. */
static size_t
slot_of(const struct netaddr *addr)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < sizeof(addr->bytes); i++)
		hash = (hash ^ addr->bytes[i]) * 16777619U;
	return hash % MISS_LIMIT_SOURCES;
}

static void
refill(struct miss_source *source, int64_t now_ns)
{
	const int64_t ns_per_thousandth =
		CLOCK_NS_PER_S / (MISS_LIMIT_PER_S * THOUSAND);
	const int64_t gained = (now_ns - source->last_ns) / ns_per_thousandth;

	if (gained <= 0)
		return;
	source->last_ns = now_ns;
	source->left =
		gained > FULL - source->left ? FULL : source->left + gained;
}

bool
miss_limit_take(
	struct miss_limit *limit, const struct netaddr *addr, int64_t now_ns)
{
	struct miss_source *source = &limit->sources[slot_of(addr)];
	bool good;

	lock_take(&limit->lock, &misses_guard);
	if (!netaddr_equal(&source->addr, addr))
		*source = (struct miss_source){
			.addr = *addr, .last_ns = now_ns, .left = FULL
		};
	refill(source, now_ns);
	good = source->left >= THOUSAND;
	if (good)
		source->left -= THOUSAND;
	lock_give(&limit->lock, &misses_guard);
	return good;
}
