/*
 * What ssh is given for one session beside the user's words: a directory of
 * our own with a socket or files in it, and the options that name them.
 */
#ifndef SALLYPORT_CLIENT_SSH_SESSION_H
#define SALLYPORT_CLIENT_SSH_SESSION_H

#include "client/sshrun.h"

#define SSH_SESSION_OPTIONS_MAX 8

struct ssh_session {
	struct private_dir dir;
	struct agent_identity identity; /* of the agent */
	struct agent_server *agent;
	const char *options[SSH_SESSION_OPTIONS_MAX];
	size_t n_options;
};

void ssh_session_add(struct ssh_session *session, const char *option);

/*
 * Name an agent in the open directory that has this pair and nothing else,
 * listed under blob. The pair outlives the session.
 */
int ssh_session_add_agent(struct ssh_session *session, struct arena *arena,
	const struct sshkeypair *pair, struct span blob, struct err *err);

/* Have run use it. */
void ssh_session_lend(struct ssh_session *session, struct sshrun *run);

void ssh_session_clear(struct ssh_session *session);

#endif
