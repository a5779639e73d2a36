/*
 * One number does it: the offset from boot time to ours. It only grows, but
 * for an operator's reset, so time cannot run back however threads interleave.
 */
#include "storage/storeclock.h"

#include <stdatomic.h>
#include <stdlib.h>

struct storeclock {
	const struct clock *clock;
	_Atomic int64_t offset_ns; /* what boot time lacks of our time */
};

#define FOLLOW_MAX_NS (3600 * CLOCK_NS_PER_S)

static int64_t
anchor(const struct clock *clock)
{
	return clock_wall_ns(clock) - clock_boot_ns(clock);
}

struct storeclock *
storeclock_new(const struct clock *clock, int64_t mark_ns)
{
	struct storeclock *self = calloc(1, sizeof(*self));
	int64_t offset_ns, marked_ns;

	if (self == NULL)
		return NULL;
	self->clock = clock;
	offset_ns = anchor(clock);
	marked_ns = mark_ns - clock_boot_ns(clock);
	atomic_store(&self->offset_ns,
		marked_ns > offset_ns ? marked_ns : offset_ns);
	return self;
}

void
storeclock_free(struct storeclock **self)
{
	free(*self);
	*self = NULL;
}

int64_t
storeclock_now_ns(struct storeclock *self)
{
	int64_t offset_ns = atomic_load(&self->offset_ns);
	/* In this order, so that a pause between the two cannot push us. */
	int64_t wall_ns = clock_wall_ns(self->clock);
	int64_t boot_ns = clock_boot_ns(self->clock);
	int64_t ahead_ns;

	/* A failed exchange loads the newer offset: look again. */
	do {
		ahead_ns = wall_ns - (boot_ns + offset_ns);
		if (ahead_ns <= 0 || ahead_ns > FOLLOW_MAX_NS)
			return boot_ns + offset_ns;
	} while (!atomic_compare_exchange_weak(
		&self->offset_ns, &offset_ns, offset_ns + ahead_ns));
	return boot_ns + offset_ns + ahead_ns;
}

int64_t
storeclock_skew_ns(struct storeclock *self)
{
	return clock_wall_ns(self->clock) - storeclock_now_ns(self);
}

int64_t
storeclock_reset(struct storeclock *self)
{
	return atomic_exchange(&self->offset_ns, anchor(self->clock));
}

void
storeclock_restore(struct storeclock *self, int64_t offset_ns)
{
	atomic_store(&self->offset_ns, offset_ns);
}
