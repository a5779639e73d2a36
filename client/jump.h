/*
 * Jumps through a host that forwards nothing. ssh says so in the protocol's
 * words ("administratively prohibited"); we say what they mean and who can
 * mend it. For that its standard error passes through here, byte for byte, and
 * only where its words ask for a jump.
 */
#ifndef SALLYPORT_CLIENT_JUMP_H
#define SALLYPORT_CLIENT_JUMP_H

#include "client/child.h"

#define JUMP_PHRASE "administratively prohibited"

struct jump {
	int fds[2];                    /* -1: nothing is watched */
	char end[sizeof(JUMP_PHRASE)]; /* of what came last */
	size_t end_len;
	bool is_refused;
};

/* Whether ssh's words ask for a jump: -J, or ProxyJump as an option. */
bool jump_is_asked(char *const *words, int n_words);

/* False: there is no descriptor left; nothing is watched. */
bool jump_open(struct jump *jump);

/* In the new process: its standard error goes to us. */
void jump_prepare(const struct jump *jump);

struct child_service jump_service(struct jump *jump);

/* When the child has ended: the rest of its words, and what they mean. */
void jump_close(struct jump *jump);

#endif
