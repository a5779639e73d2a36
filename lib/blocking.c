/* Who is told when a thread waits: a pair of variables of each thread. */
#include "lib/blocking.h"

#include <stddef.h>

static _Thread_local blocking_fn *told;
static _Thread_local void *told_ctx;

void
blocking_tell(blocking_fn *fn, void *ctx)
{
	told = fn;
	told_ctx = ctx;
}

void
blocking_begin(void)
{
	if (told != NULL)
		told(told_ctx, true);
}

void
blocking_end(void)
{
	if (told != NULL)
		told(told_ctx, false);
}
