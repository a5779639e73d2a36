/*
 * An ssh-agent of our own (OpenSSH's PROTOCOL.agent) for our own user: for each
 * destination it lists one key pair in memory, bare or under its certificate,
 * and signs with it. It takes no keys and gives none away. A client that has
 * said where it logs in (client/agent_bind.h) gets a signature for that login
 * alone.
 */
#ifndef SALLYPORT_CLIENT_AGENT_SERVER_H
#define SALLYPORT_CLIENT_AGENT_SERVER_H

#include "client/child.h"
#include "client/private_dir.h"
#include "lib/sshkeypair.h"

#define AGENT_SERVER_POLLS 9 /* the listener, and eight connections */

struct agent_server;

/* A key pair, and the blob of a key or certificate that it is listed under. */
struct agent_identity {
	const struct sshkeypair *pair;
	struct span blob; /* empty: it is not listed */
};

/* Where a client logs in, as far as it said. */
struct agent_destination {
	struct span host_key; /* a blob; empty: it did not say */
	bool forwarded;       /* it asks from another host */
};

/*
 * The identity for a destination; called before it is listed, so that a
 * certificate which ends may be replaced; what that takes, ssh waits. NULL:
 * there is none for it. What is returned lives as long as the agent.
 */
typedef const struct agent_identity *agent_choose_fn(
	void *ctx, const struct agent_destination *destination);

/* Serve who connects to listen_fd, which it takes, also on failure. */
int agent_server_new(int listen_fd, agent_choose_fn *choose, void *ctx,
	struct agent_server **ret_agent, struct err *err);
void agent_server_free(struct agent_server **agent);

/* Its part of a poll loop: AGENT_SERVER_POLLS descriptors, never blocking. */
struct child_service agent_server_service(struct agent_server *agent);

/* What one client has said and was shown so far. */
struct agent_talk {
	struct buf bound; /* contents of its session-bind; empty: none */
	bool forwarded;   /* one of them was of a host that forwards */
	bool refused;     /* one was not believed: it gets nothing more */
	const struct agent_identity *identity;
};

void agent_talk_init(struct agent_talk *talk);
void agent_talk_clear(struct agent_talk *talk);

/*
 * The answer's body to a request's body (both without their length): the part
 * that reads what others sent. ERR_MEMORY, ERR_LIMIT.
 */
int agent_server_answer(struct agent_server *agent, struct agent_talk *talk,
	struct span request, struct buf *out, struct err *err);

#endif
