/*
 * The callers' end of the socket to a keeper in a process of its own. Any
 * number of threads call at once: what several send goes out in one write, and
 * a thread of its own reads the answers.
 */
#ifndef SALLYPORT_SERVER_KEEPER_LINK_H
#define SALLYPORT_SERVER_KEEPER_LINK_H

#include "lib/buf.h"

struct link;

/* Takes the socket, which is closed at the end; on failure it is not. */
int link_new(int fd, struct link **ret_link, struct err *err);

/*
 * Nobody calls any more. Say so to the other side and wait until it has ended,
 * for timeout_s at most. NULL is fine.
 */
void link_free(struct link **link, unsigned timeout_s);

/*
 * A call that nobody waits for: fill in what stands before the empty line, keep
 * it and out until done is called. That is once, from any thread, perhaps from
 * link_begin itself. done may not block.
 */
struct link_job {
	struct buf *out;
	void (*done)(struct link_job *job);

	int rc; /* 0: the answer is in out, if there was memory for it */
	uint32_t id;
	struct link_job *next;
};

/*
 * One message there, its answer back. ERR_PEER where the other side is gone or
 * speaks nonsense: then, and for ever after.
 */
void link_begin(struct link *link, struct span in, struct link_job *job);

/* The same with waiting. A failure is told with 500. */
int link_call(
	struct link *link, struct span in, struct buf *out, struct err *err);

#endif
