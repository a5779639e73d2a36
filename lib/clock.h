/* Time behind a pointer that tests replace. */
#ifndef SALLYPORT_LIB_CLOCK_H
#define SALLYPORT_LIB_CLOCK_H

#include "lib/base.h"

struct clock {
	int64_t (*wall_ns)(void *ctx); /* ns since 1970, as CLOCK_REALTIME */
	int64_t (*boot_ns)(void *ctx); /* ns, as CLOCK_BOOTTIME: never back */
	void *ctx;
};

/* The machine's clocks. */
const struct clock *clock_system(void);

int64_t clock_wall_ns(const struct clock *clock);
int64_t clock_boot_ns(const struct clock *clock);

/* Whole ms until end_ns of the boot clock, most_ms at most; 0: none is left. */
int64_t clock_left_ms(
	const struct clock *clock, int64_t end_ns, int64_t most_ms);

#define CLOCK_NS_PER_S INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_TEXT_MAX 40

/*
 * RFC 3339 in UTC with nanoseconds, trailing zeros of the fraction dropped, as
 * Go prints it: 2026-11-21T08:00:00.1Z, 2026-11-21T08:00:00Z.
 */
void clock_format_ns(int64_t wall_ns, char out[CLOCK_TEXT_MAX]);

/* Whole seconds, which go past 2262: to 9999-12-31T23:59:59Z at most. */
void clock_format_s(int64_t wall_s, char out[CLOCK_TEXT_MAX]);

#endif
