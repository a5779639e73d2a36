/*
 * An ssh-agent of our own (OpenSSH's PROTOCOL.agent) for our own user: it holds
 * one key pair in memory, lists it under its certificate, and signs with it. It
 * takes no keys and gives none away.
 */
#ifndef SALLYPORT_CLIENT_AGENT_SERVER_H
#define SALLYPORT_CLIENT_AGENT_SERVER_H

#include "client/child.h"
#include "client/private_dir.h"
#include "lib/sshkeypair.h"

#define AGENT_SERVER_POLLS 9 /* the listener, and eight connections */

struct agent_server;

/*
 * Serve who connects to listen_fd, which it takes, also on failure. pair stays
 * the caller's and must outlive the agent.
 */
int agent_server_new(int listen_fd, const struct sshkeypair *pair,
	struct agent_server **ret_agent, struct err *err);
void agent_server_free(struct agent_server **agent);

/*
 * List the key under this certificate (a blob, the caller's) from now on; an
 * empty one: list nothing.
 */
void agent_server_certify(struct agent_server *agent, struct span certificate);

/*
 * Called before the key is listed, so that a certificate which ends may be
 * replaced by agent_server_certify; what it takes, ssh waits.
 */
typedef void agent_server_fn(void *ctx, struct agent_server *agent);
void agent_server_on_list(
	struct agent_server *agent, agent_server_fn *fn, void *ctx);

/* Its part of a poll loop: AGENT_SERVER_POLLS descriptors, never blocking. */
struct child_service agent_server_service(struct agent_server *agent);

/*
 * The answer's body to a request's body (both without their length): the part
 * that reads what others sent. ERR_MEMORY, ERR_LIMIT.
 */
int agent_server_answer(struct agent_server *agent, struct span request,
	struct buf *out, struct err *err);

#endif
