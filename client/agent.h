/*
 * The ssh-agent of SSH_AUTH_SOCK (OpenSSH's PROTOCOL.agent): which keys it has,
 * and a signature by one of them. Answers are capped and read to their end.
 */
#ifndef SALLYPORT_CLIENT_AGENT_H
#define SALLYPORT_CLIENT_AGENT_H

#include "lib/arena.h"
#include "lib/err.h"

#define AGENT_KEYS_MAX 1024

struct agent_key {
	struct span blob;    /* of a key or a certificate */
	struct span comment; /* of any bytes */
};

struct agent_keys {
	const struct agent_key *items;
	size_t n;
};

/* Connect. ERR_INPUT: there is none, or it does not answer. */
int agent_open(int *ret_fd, struct err *err);

/* What it holds, in arena. ERR_PEER: it says no, or speaks nonsense. */
int agent_list(int fd, struct arena *arena, struct agent_keys *ret_keys,
	struct err *err);

/*
 * A signature blob of data by the key of this blob, in arena; a key on a
 * security token may want to be touched first. ERR_PEER.
 */
int agent_sign(int fd, struct span blob, struct span data, struct arena *arena,
	struct span *ret_signature, struct err *err);

/* The bodies of answers, without their length; views into them. ERR_PEER. */
int agent_read_keys(struct span answer, struct arena *arena,
	struct agent_keys *ret_keys, struct err *err);
int agent_read_signature(
	struct span answer, struct span *ret_signature, struct err *err);

#endif
