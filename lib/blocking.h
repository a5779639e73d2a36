/*
 * A thread that is one of a few at work says when it waits for something but a
 * processor, so that another may work meanwhile: whatever sleeps for a disk or
 * for another process calls these two around it. Elsewhere they do nothing.
 */
#ifndef SALLYPORT_LIB_BLOCKING_H
#define SALLYPORT_LIB_BLOCKING_H

#include <stdbool.h>

/* Called with true before this thread waits, with false behind that. */
typedef void blocking_fn(void *ctx, bool blocks);

/* From now on for the calling thread; fn NULL: nobody wants to know. */
void blocking_tell(blocking_fn *fn, void *ctx);

void blocking_begin(void);
void blocking_end(void);

#endif
