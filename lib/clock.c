/* The machine's clocks, and times as text. */
#include "lib/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t
read_ns(clockid_t id)
{
	struct timespec now = { 0 };

	(void)clock_gettime(id, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

static int64_t
system_wall_ns(void *ctx)
{
	(void)ctx;
	return read_ns(CLOCK_REALTIME);
}

static int64_t
system_boot_ns(void *ctx)
{
	(void)ctx;
	return read_ns(CLOCK_BOOTTIME);
}

const struct clock *
clock_system(void)
{
	static const struct clock system_clock = {
		.wall_ns = system_wall_ns,
		.boot_ns = system_boot_ns,
	};

	return &system_clock;
}

int64_t
clock_wall_ns(const struct clock *clock)
{
	return clock->wall_ns(clock->ctx);
}

int64_t
clock_boot_ns(const struct clock *clock)
{
	return clock->boot_ns(clock->ctx);
}

void
clock_format_ns(int64_t wall_ns, char out[CLOCK_TEXT_MAX])
{
	time_t seconds = wall_ns / CLOCK_NS_PER_S;
	int64_t fraction = wall_ns % CLOCK_NS_PER_S;
	struct tm tm = { 0 };
	size_t len;

	if (fraction < 0) {
		seconds--;
		fraction += CLOCK_NS_PER_S;
	}
	(void)gmtime_r(&seconds, &tm);
	len = strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (fraction != 0) {
		len += (size_t)snprintf(out + len, CLOCK_TEXT_MAX - len,
			".%09lld", (long long)fraction);
		while (out[len - 1] == '0')
			len--;
	}
	out[len++] = 'Z';
	out[len] = '\0';
}
