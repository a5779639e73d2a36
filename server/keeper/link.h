/*
 * The callers' end of the socket to a keeper in a process of its own. Any
 * number of threads call at once: what several send goes out in one write, and
 * one of those that wait reads for all.
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
 * One message there, its answer back. ERR_PEER (500) where the other side is
 * gone or speaks nonsense: then, and for ever after.
 */
int link_call(
	struct link *link, struct span in, struct buf *out, struct err *err);

#endif
