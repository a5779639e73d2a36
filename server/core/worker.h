/*
 * Worker threads: a bounded queue, threads on demand (256 KiB stacks, ending
 * after a minute idle), and a pool of two for slow work. As many jobs are at
 * work as there are processors, and all those that wait for something else.
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

/* Finish what is queued or parked, end the threads; refuse what comes. */
void workers_stop(struct workers *workers);

/*
 * Stop, and free; no thread may be left that gave back a parked job. NULL is
 * fine.
 */
void workers_free(struct workers **workers);

/* ERR_BUSY (503 "overloaded") when the queue is full; never blocks. */
int workers_submit(
	struct workers *workers, struct job *job, bool slow, struct err *err);

/* Ordinary jobs wait to be taken. */
bool workers_have_more(const struct workers *workers);

/*
 * For a job that waits for something without a thread: it parks, and is given
 * back later by any thread; an ordinary one runs it then, before those that are
 * new. False where there is no such thread and none could be started, which
 * cannot be for a job that an ordinary one runs; workers_stop waits for it.
 */
bool workers_park(struct workers *workers);
void workers_resume(struct workers *workers, struct job *job);

/*
 * To be called now and then: where jobs wait and none was taken since the last
 * time, those at work wait for something without saying so, and one more may
 * work. workers NULL: nobody works, in a program that has the listener alone.
 */
void workers_look_after(struct workers *workers);

#endif
