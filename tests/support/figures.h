/*
 * How often a test tries its promise, and what came of it: the figures of
 * docs/figures.md. tests/integration/support/figures.py is the same in Python.
 */
#ifndef SALLYPORT_TESTS_SUPPORT_FIGURES_H
#define SALLYPORT_TESTS_SUPPORT_FIGURES_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/base.h"

/*
 * How many tries: usual in ./check, a share of nightly in ./check nightly,
 * what the environment's name says where it is set.
 */
static inline uint64_t
figures_count(const char *name, uint64_t usual, uint64_t nightly)
{
	const char *set = getenv(name);
	const char *share = getenv("NIGHTLY_SHARE");
	uint64_t many;

	if (set != NULL)
		return strtoull(set, NULL, 10);
	if (getenv("SALLYPORT_NIGHTLY") == NULL)
		return usual;
	many = (uint64_t)((double)nightly *
		(share != NULL ? strtod(share, NULL) : 1.0));
	return many > usual ? many : usual;
}

/*
 * Report that a row of the reliability programme was tried so often:
 * figures_report("L13", 1000000, 0, "steps"). Call it before the assertion.
 */
static inline void
figures_report(
	const char *row, uint64_t tries, uint64_t failures, const char *of)
{
	const char *path = getenv("SALLYPORT_FIGURES");
	FILE *file = path != NULL ? fopen(path, "ae") : NULL;

	if (file == NULL)
		return;
	(void)fprintf(file, "%s\t%llu\t%llu\t%s\n", row,
		(unsigned long long)tries, (unsigned long long)failures, of);
	(void)fclose(file);
}

#endif
