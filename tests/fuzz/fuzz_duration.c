/*
 * Any bytes as a duration and as numbers: what is read prints as a text that
 * is read as the same, and lies within Go's range.
 */
#include <stdlib.h>

#include "lib/duration.h"
#include "lib/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	char out[DURATION_TEXT_MAX];
	int64_t s = 0, again = 0, n = 0, m = 0;

	if (duration_parse_s(text, &s, NULL) == 0) {
		duration_format_s(s, out);
		if (s > INT64_C(9223372036) || s < -INT64_C(9223372036) ||
			duration_parse_s(span_str(out), &again, NULL) != 0 ||
			again != s)
			abort();
	}
	/* Where both take a text without a leading zero, they agree. */
	if (size > 1 && data[0] != '0' && data[0] != '-' && data[0] != '+' &&
		number_parse_i64(text, INT64_MIN, INT64_MAX, &n) == 0 &&
		(number_parse_api(text, &m) != 0 || m != n))
		abort();
	return 0;
}
