/*
 * Worker threads: a bounded queue, threads on demand (256 KiB stacks, ending
 * after a minute idle), and a pool of two for slow work.
 */
#ifndef SALLYPORT_SERVER_CORE_WORKER_H
#define SALLYPORT_SERVER_CORE_WORKER_H

#include "lib/err.h"

struct workers;

/* Embedded in what is queued; fn runs on a worker and owns the job. */
struct job {
	void (*fn)(struct job *job);
	struct job *next;
};

int workers_new(size_t threads_max, size_t queue_max,
	struct workers **ret_workers, struct err *err);

/* Finish what is queued, end the threads. NULL is fine. */
void workers_free(struct workers **workers);

/* ERR_BUSY (503 "overloaded") when the queue is full; never blocks. */
int workers_submit(
	struct workers *workers, struct job *job, bool slow, struct err *err);

#endif
