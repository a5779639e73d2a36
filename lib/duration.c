/* Durations: Go's text form, plain seconds and whole days. */
#include "lib/duration.h"

#include <stdio.h>

#include "lib/number.h"

#define NS_PER_S INT64_C(1000000000)

/* The largest duration that Go can hold, 292 years; every form ends there. */
#define DURATION_MAX_S (INT64_MAX / NS_PER_S)

#define SECONDS_PER_DAY 86400

/* Longer names first, so that "ms" is not read as "m". */
static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 }, /* Greek mu */
	{ "ms", 1000000 },
	{ "s", NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
};

static bool
is_digit(struct span text)
{
	return text.len > 0 && text.data[0] >= '0' && text.data[0] <= '9';
}

/* The unit's size, cut off text; 0 where none stands there. */
static int64_t
take_unit(struct span *text)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(units); i++) {
		struct span name = span_str(units[i].name);

		if (!span_has_prefix(*text, name))
			continue;
		*text = span_skip(*text, name.len);
		return units[i].ns;
	}
	return 0;
}

/* Cut the digits off text. */
static struct span
take_digits(struct span *text)
{
	struct span digits = { text->data, 0 };

	while (is_digit(*text)) {
		*text = span_skip(*text, 1);
		digits.len++;
	}
	return digits;
}

/* Add n * unit to *ns; false where that overflows. */
static bool
add_product(int64_t *ns, int64_t n, int64_t unit)
{
	int64_t product, sum;

	if (__builtin_mul_overflow(n, unit, &product) ||
		__builtin_add_overflow(*ns, product, &sum))
		return false;
	*ns = sum;
	return true;
}

/* One "1.5h" off the front of text, added to *ns. */
static int
take_term(struct span *text, int64_t *ns)
{
	struct span whole = take_digits(text), fraction = SPAN_NONE;
	uint64_t n = 0;
	int64_t unit;
	size_t i;

	if (text->len > 0 && text->data[0] == '.') {
		*text = span_skip(*text, 1);
		fraction = take_digits(text);
	}
	if (whole.len + fraction.len == 0)
		return ERR_INPUT;
	unit = take_unit(text);
	if (unit == 0)
		return ERR_INPUT;
	if (whole.len > 0 && number_parse_u64(whole, INT64_MAX, &n) != 0)
		return ERR_INPUT;
	if (!add_product(ns, (int64_t)n, unit))
		return ERR_INPUT;
	for (i = 0; i < fraction.len; i++) {
		unit /= 10;
		/* Where there is no data there are no digits.
		 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		if (!add_product(ns, fraction.data[i] - '0', unit))
			return ERR_INPUT;
	}
	return 0;
}

static int
parse_go(struct span text, int64_t *ret_s)
{
	int64_t ns = 0;

	do {
		if (take_term(&text, &ns) != 0)
			return ERR_INPUT;
	} while (text.len > 0);
	*ret_s = ns / NS_PER_S;
	return 0;
}

static int
parse_unsigned(struct span text, int64_t *ret_s)
{
	struct span rest = text, digits = take_digits(&rest);
	bool days = span_equal(rest, span_str("d"));
	uint64_t n, scale = days ? SECONDS_PER_DAY : 1;

	if (rest.len > 0 && !days)
		return parse_go(text, ret_s);
	if (number_parse_u64(digits, DURATION_MAX_S / scale, &n) != 0)
		return ERR_INPUT;
	*ret_s = (int64_t)(n * scale);
	return 0;
}

int
duration_parse_s(struct span text, int64_t *ret_s, struct err *err)
{
	struct span rest = text;
	int64_t s = 0;
	bool minus = false;

	if (text.len == 0) {
		*ret_s = 0;
		return 0;
	}
	if (text.data[0] == '-' || text.data[0] == '+') {
		minus = text.data[0] == '-';
		rest = span_skip(text, 1);
	}
	if (parse_unsigned(rest, &s) != 0)
		return err_set(err, ERR_INPUT, 400, "invalid duration");
	*ret_s = minus ? -s : s;
	return 0;
}

void
duration_format_s(int64_t s, char out[DURATION_TEXT_MAX])
{
	uint64_t left = s < 0 ? 0 - (uint64_t)s : (uint64_t)s;
	uint64_t h = left / 3600, m = left / 60 % 60;
	const char *sign = s < 0 ? "-" : "";
	int len = 0;

	left %= 60;
	if (h > 0)
		len = snprintf(out, DURATION_TEXT_MAX, "%s%lluh", sign,
			(unsigned long long)h);
	if (m > 0 || (h > 0 && left > 0))
		len += snprintf(out + len, DURATION_TEXT_MAX - (size_t)len,
			"%s%llum", len > 0 ? "" : sign, (unsigned long long)m);
	if (left > 0 || len == 0)
		(void)snprintf(out + len, DURATION_TEXT_MAX - (size_t)len,
			"%s%llus", len > 0 ? "" : sign,
			(unsigned long long)left);
}
