/*
 * ssh -mode=dynamic: the server makes a key pair and puts its public half on
 * the host; ssh logs in with the private one, which lies in an agent of this
 * session, or in a file in memory for programs that need one. When the session
 * ends the lease does, and with it the line on the host.
 */
#include <string.h>

#include "client/child.h"
#include "client/interrupt.h"
#include "client/output.h"
#include "client/say.h"
#include "client/ssh_creds.h"
#include "client/ssh_session.h"

#define ENDED_BY_SIGNAL 128
#define FAILURE "failed to write dynamic key"

struct dynamic_session {
	struct ssh_call *call;
	struct ssh_session session;
	struct sshkeypair *pair;
};

/* Before there is a key: one that cannot be shown to ssh is not made. */
static int
prepare_place(struct dynamic_session *dynamic)
{
	struct private_dir *dir = &dynamic->session.dir;
	struct err err = { 0 };
	int rc = dynamic->call->options->key_file
		? private_dir_open_in_memory(dir, &err)
		: private_dir_open(dir, &err);

	if (rc == 0)
		rc = private_dir_watch(dir, &err);
	return rc == 0 ? EXIT_DONE
		       : cli_usage(FAILURE ": %s", err_reason(&err));
}

/* ssh refuses a file whose last line has no end. */
static int
show_file(struct dynamic_session *dynamic, const char *key, struct err *err)
{
	struct ssh_session *session = &dynamic->session;
	struct arena *arena = dynamic->call->cli->arena;
	const size_t len = strlen(key);
	const char *text =
		key[len - 1] == '\n' ? key : arena_printf(arena, "%s\n", key);
	char path[PRIVATE_PATH_MAX];
	int rc = text == NULL ? err_set_memory(err)
			      : private_dir_write(&session->dir, "id",
					span_str(text), path, err);

	if (rc != 0)
		return rc;
	ssh_session_add(session, "-i");
	ssh_session_add(session, arena_strdup(arena, path));
	ssh_session_add(session, "-oIdentitiesOnly=yes");
	return 0;
}

static int
show_agent(struct dynamic_session *dynamic, const char *key, struct err *err)
{
	int rc = sshkeypair_parse(
		secret_view_of(key, strlen(key)), &dynamic->pair, err);

	return rc != 0 ? rc
		       : ssh_session_add_agent(&dynamic->session,
				 dynamic->call->cli->arena, dynamic->pair,
				 sshkeypair_public(dynamic->pair), err);
}

static int
run_session(struct dynamic_session *dynamic, const struct ssh_creds *creds,
	struct sshrun *run)
{
	const struct ssh_call *call = dynamic->call;
	struct err err = { 0 };
	int rc = call->options->key_file
		? show_file(dynamic, creds->key, &err)
		: show_agent(dynamic, creds->key, &err);

	if (rc != 0)
		return cli_usage(FAILURE ": %s", err_reason(&err));
	run->port = creds->port;
	ssh_session_lend(&dynamic->session, run);
	return sshrun_session(
		call->cli, run, secret_view_of(NULL, 0), false, false);
}

static int
end_lease(struct ssh_call *call, const char *lease_id, int status)
{
	if (call->options->keep_lease) {
		say_error("Kept the lease: %s", lease_id);
		return status;
	}
	call->cli->doing = "Taking the key off again";
	return ssh_revoke_lease(call, lease_id, status);
}

static int
log_in(struct dynamic_session *dynamic)
{
	struct ssh_call *call = dynamic->call;
	struct sshrun run = ssh_call_sshrun(call);
	struct ssh_creds creds;
	int rc = prepare_place(dynamic);
	int signal;
	bool made;

	if (rc != EXIT_DONE)
		return rc;
	child_hold_signals(&run.old_mask);
	interrupt_wait();
	call->cli->doing = "Putting a key on the host";
	made = ssh_creds_make(call);
	signal = interrupt_end();
	if (!made)
		return EXIT_SERVER;
	rc = ssh_creds_read(call, "dynamic", &creds);
	if (rc != EXIT_DONE)
		return rc;
	if (signal != 0)
		return ssh_revoke_lease(
			call, creds.lease_id, ENDED_BY_SIGNAL + signal);
	return end_lease(
		call, creds.lease_id, run_session(dynamic, &creds, &run));
}

int
ssh_dynamic_run(struct ssh_call *call)
{
	struct dynamic_session dynamic = { .call = call };
	int rc;

	call->cli->more_s = SSH_INSTALL_S;
	if (call->options->no_exec)
		return ssh_creds_make(call)
			? output_secret(call->cli, call->cli->answer.json)
			: EXIT_SERVER;
	rc = log_in(&dynamic);
	ssh_session_clear(&dynamic.session);
	sshkeypair_free(&dynamic.pair);
	return rc;
}
