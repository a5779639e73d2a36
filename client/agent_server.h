/*
 * An ssh-agent of our own (OpenSSH's PROTOCOL.agent) for one ssh: it holds one
 * key pair in memory, lists it under its certificate, and signs with it. It
 * takes no keys and gives none away.
 */
#ifndef SALLYPORT_CLIENT_AGENT_SERVER_H
#define SALLYPORT_CLIENT_AGENT_SERVER_H

#include <poll.h>

#include "client/private_dir.h"
#include "lib/sshkeypair.h"

#define AGENT_SERVER_POLLS 9 /* the listener, and eight connections */

struct agent_server;

/*
 * Listen in dir. pair and certificate (a blob) stay the caller's and must
 * outlive the agent.
 */
int agent_server_new(const struct private_dir *dir,
	const struct sshkeypair *pair, struct span certificate,
	struct agent_server **ret_agent, struct err *err);
void agent_server_free(struct agent_server **agent);

/* The path of its socket, for IdentityAgent. */
const char *agent_server_path(const struct agent_server *agent);

/* What to wait for: fds has room for AGENT_SERVER_POLLS. */
size_t agent_server_polls(const struct agent_server *agent, struct pollfd *fds);

/* Answer what came; never blocks. fds as agent_server_polls filled them. */
void agent_server_serve(
	struct agent_server *agent, const struct pollfd *fds, size_t n);

/*
 * The answer's body to a request's body (both without their length): the part
 * that reads what others sent. ERR_MEMORY, ERR_LIMIT.
 */
int agent_server_answer(const struct agent_server *agent, struct span request,
	struct buf *out, struct err *err);

#endif
