/* Where a target is, as people write it: user@[fe80::1%eth0]:2222. */
#ifndef SALLYPORT_CLIENT_TARGET_DEST_H
#define SALLYPORT_CLIENT_TARGET_DEST_H

#include "lib/arena.h"
#include "lib/err.h"

struct target_dest {
	const char *user; /* "" where nobody said */
	const char *host; /* a name or literal, without brackets */
	int64_t port;     /* 0 where nobody said */
};

/*
 * [user@]host[:port], [user@][address]:port, [user@]address. ERR_INPUT names
 * what is wrong.
 */
int target_dest_parse(struct arena *arena, const char *text,
	struct target_dest *ret_dest, struct err *err);

#endif
