/* Options that name what lies in our directory, and the end of it. */
#include "client/ssh_session.h"

void
ssh_session_add(struct ssh_session *session, const char *option)
{
	session->options[session->n_options++] = option;
}

/* For whoever asks: ssh -A is a wish of this session. */
static const struct agent_identity *
only_identity(void *ctx, UNUSED const struct agent_destination *destination)
{
	return ctx;
}

int
ssh_session_add_agent(struct ssh_session *session, struct arena *arena,
	const struct sshkeypair *pair, struct span blob, struct err *err)
{
	char path[PRIVATE_PATH_MAX];
	int fd;

	session->identity =
		(struct agent_identity){ .pair = pair, .blob = blob };
	if (private_dir_listen(&session->dir, "agent", path, &fd, err) != 0 ||
		agent_server_new(fd, only_identity, &session->identity,
			&session->agent, err) != 0)
		return ERR_SYSTEM;
	ssh_session_add(
		session, arena_printf(arena, "-oIdentityAgent=%s", path));
	ssh_session_add(session, "-oIdentitiesOnly=no");
	return 0;
}

void
ssh_session_lend(struct ssh_session *session, struct sshrun *run)
{
	run->options = session->options;
	run->n_options = session->n_options;
	run->agent = session->agent;
}

void
ssh_session_clear(struct ssh_session *session)
{
	agent_server_free(&session->agent);
	private_dir_close(&session->dir);
}
