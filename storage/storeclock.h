/*
 * The store's clock: the boot clock, anchored to wall time, that never runs
 * back (design.md 5, Clock; reliability.md R26). Any thread.
 */
#ifndef SALLYPORT_STORAGE_STORECLOCK_H
#define SALLYPORT_STORAGE_STORECLOCK_H

#include "lib/clock.h"

struct storeclock;

/*
 * A clock anchored to wall time, but not behind mark_ns, the last time ever
 * stored. NULL: no memory.
 */
struct storeclock *storeclock_new(const struct clock *clock, int64_t mark_ns);
void storeclock_free(struct storeclock **self);

/*
 * Now. Wall time ahead of us by up to an hour is followed; further ahead, or
 * behind us, it is not.
 */
int64_t storeclock_now_ns(struct storeclock *self);

/* How far wall time is ahead of us; negative: behind. */
int64_t storeclock_skew_ns(struct storeclock *self);

/* Anchor to wall time, whatever came before. Returns the former offset. */
int64_t storeclock_reset(struct storeclock *self);

/* Undo a reset that could not be stored. */
void storeclock_restore(struct storeclock *self, int64_t offset_ns);

#endif
