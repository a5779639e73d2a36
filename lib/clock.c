/* The machine's clocks, and times as text. */
#include "lib/clock.h"

#include <time.h>

#define LAST_S INT64_C(253402300799) /* of the year 9999 */

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

int64_t
clock_left_ms(const struct clock *clock, int64_t end_ns, int64_t most_ms)
{
	const int64_t left_ms =
		(end_ns - clock_boot_ns(clock)) / CLOCK_NS_PER_MS;

	if (left_ms <= 0)
		return 0;
	return left_ms < most_ms ? left_ms : most_ms;
}

/* n in width digits, zeros in front; what follows them. */
static char *
put_digits(char *out, int64_t n, size_t width)
{
	for (size_t i = width; i-- > 0; n /= 10)
		out[i] = (char)('0' + n % 10);
	return out + width;
}

/* One part of a date or time and the character behind it. */
static char *
put_part(char *out, int n, size_t width, char behind)
{
	out = put_digits(out, n, width);
	*out = behind;
	return out + 1;
}

/* All but the fraction and the zone; what follows it. */
static char *
put_time(char *out, int64_t wall_s)
{
	const time_t seconds = wall_s;
	struct tm tm = { 0 };

	(void)gmtime_r(&seconds, &tm);
	out = put_part(out, tm.tm_year + 1900, 4, '-');
	out = put_part(out, tm.tm_mon + 1, 2, '-');
	out = put_part(out, tm.tm_mday, 2, 'T');
	out = put_part(out, tm.tm_hour, 2, ':');
	out = put_part(out, tm.tm_min, 2, ':');
	return put_digits(out, tm.tm_sec, 2);
}

void
clock_format_s(int64_t wall_s, char out[CLOCK_TEXT_MAX])
{
	out = put_time(out, wall_s < LAST_S ? wall_s : LAST_S);
	*out++ = 'Z';
	*out = '\0';
}

void
clock_format_ns(int64_t wall_ns, char out[CLOCK_TEXT_MAX])
{
	int64_t seconds = wall_ns / CLOCK_NS_PER_S;
	int64_t fraction = wall_ns % CLOCK_NS_PER_S;

	if (fraction < 0) {
		seconds--;
		fraction += CLOCK_NS_PER_S;
	}
	out = put_time(out, seconds);
	if (fraction != 0) {
		*out++ = '.';
		out = put_digits(out, fraction, 9);
		while (out[-1] == '0')
			out--;
	}
	*out++ = 'Z';
	*out = '\0';
}
