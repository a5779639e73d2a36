/*
 * Attributes and checked arithmetic that every file may use. Knows of nothing
 * else in the tree.
 */
#ifndef SALLYPORT_LIB_BASE_H
#define SALLYPORT_LIB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* a + b into *ret_sum; false, with *ret_sum untouched, where it overflows. */
WARN_UNUSED static inline bool
size_add(size_t a, size_t b, size_t *ret_sum)
{
	size_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*ret_sum = sum;
	return true;
}

/* a * b into *ret_product; false, with it untouched, where it overflows. */
WARN_UNUSED static inline bool
size_mul(size_t a, size_t b, size_t *ret_product)
{
	size_t product;

	if (__builtin_mul_overflow(a, b, &product))
		return false;
	*ret_product = product;
	return true;
}

#endif
