/* Time for the benches, in seconds: what has passed, and what was worked. */
#ifndef SALLYPORT_TOOLS_BENCH_SECONDS_H
#define SALLYPORT_TOOLS_BENCH_SECONDS_H

#include <time.h>

static inline double
seconds_of(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline double
seconds_now(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

#endif
