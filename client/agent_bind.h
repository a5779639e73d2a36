/*
 * Where a client of an agent logs in, by its own word: OpenSSH's extension
 * session-bind@openssh.com (PROTOCOL.agent 1) names the host's key and the
 * session, and the host has signed the session's id. Requests to sign can be
 * held against it.
 */
#ifndef SALLYPORT_CLIENT_AGENT_BIND_H
#define SALLYPORT_CLIENT_AGENT_BIND_H

#include "lib/span.h"

#define AGENT_BIND_NAME "session-bind@openssh.com"

/* Spans lie in the bytes that it was read from. */
struct agent_bind {
	struct span host_key; /* blob of a key, or of a certificate */
	struct span session;
	bool forwarding; /* the agent will be asked by way of this host */
};

/*
 * From what stands behind the extension's name. ERR_INPUT; ERR_CRYPTO where the
 * host's key did not sign the session.
 */
int agent_bind_read(struct span contents, struct agent_bind *ret_bind);

/*
 * Whether data is what key signs to log in to this host in this session (RFC
 * 4252 section 7, or publickey-hostbound-v00@openssh.com).
 */
bool agent_bind_fits(
	const struct agent_bind *bind, struct span key, struct span data);

#endif
