/*
 * Durations of the API (spec/core-api.md 1.4): whole seconds as digits, Go
 * duration text ("1h30m", "1.5h", "250ms"), whole days ("2d").
 */
#ifndef SALLYPORT_LIB_DURATION_H
#define SALLYPORT_LIB_DURATION_H

#include "lib/err.h"
#include "lib/span.h"

#define DURATION_TEXT_MAX 32

/*
 * Text to whole seconds, fractions cut towards zero. Empty text is 0. A sign
 * is allowed; the caller decides about negative values. ERR_INPUT on nonsense
 * or overflow, with a short reason as err's message.
 */
int duration_parse_s(struct span text, int64_t *ret_s, struct err *err);

/* Seconds as people read them, zero tails dropped: 768h, 1h30m, 1m, 0s. */
void duration_format_s(int64_t s, char out[DURATION_TEXT_MAX]);

#endif
