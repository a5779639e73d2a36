/* One arena for all tests of a program, as the state of its group. */
#ifndef SALLYPORT_TESTS_SUPPORT_IN_ARENA_H
#define SALLYPORT_TESTS_SUPPORT_IN_ARENA_H

#include "lib/arena.h"

static struct arena *arena;

static inline int
setup(void **state)
{
	(void)state;
	arena = arena_new(16 << 20);
	return arena == NULL;
}

static inline int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

#endif
