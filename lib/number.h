/*
 * Whole-input integers (no blanks, no sign unless said, no overflow) and truth
 * values.
 */
#ifndef SALLYPORT_LIB_NUMBER_H
#define SALLYPORT_LIB_NUMBER_H

#include "lib/err.h"
#include "lib/span.h"

/* Decimal digits only, nothing before or behind, at most max. ERR_INPUT. */
int number_parse_u64(struct span text, uint64_t max, uint64_t *ret_n);

/* An optional sign, then decimal digits; within min..max. ERR_INPUT. */
int number_parse_i64(
	struct span text, int64_t min, int64_t max, int64_t *ret_n);

/*
 * As an API field takes it (spec/core-api.md 1.3): sign, then decimal, 0x…,
 * 0o…, 0b… or a leading 0 for octal; no blanks, no fraction. ERR_INPUT.
 */
int number_parse_api(struct span text, int64_t *ret_n);

/* 1 0 t f T F true false True False TRUE FALSE, as Go takes them. ERR_INPUT. */
int number_parse_bool(struct span text, bool *ret_on);

#endif
