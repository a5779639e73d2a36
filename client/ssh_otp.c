/* ssh -mode=otp: a one-time password is made, typed for the user, revoked. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/child.h"
#include "client/output.h"
#include "client/say.h"
#include "client/ssh_creds.h"

/* ---- the session -------------------------------------------------------- */

static bool
on_path(struct cli *cli, const char *program)
{
	const char *path = getenv("PATH");

	while (path != NULL && *path != '\0') {
		const size_t len = strcspn(path, ":");
		const char *full = arena_printf(
			cli->arena, "%.*s/%s", (int)len, path, program);

		if (full != NULL && access(full, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static int
explain_unknown_key(
	const struct ssh_call *call, const char *name, const char *fate)
{
	return cli_usage(
		"The host key of %s is not known yet, and ssh would ask about it where the\n"
		"one-time password is typed. %s Do one of these first:\n\n"
		"  log in to %s once with ssh itself and compare the key that it shows;\n"
		"  put the key, or a @cert-authority line, into your known_hosts file;\n"
		"  say -strict-host-key-checking=accept-new to trust the key of this first\n"
		"  connection.",
		name, fate, call->args.host);
}

static void
show_password(const char *otp)
{
	say_warning(
		"Vault could not locate \"sshpass\". The OTP code for the session is displayed below. Enter this code in the SSH password prompt. If you install sshpass, Vault can automatically perform this step for you.");
	printf("OTP for the session is: %s\n", otp);
	(void)fflush(stdout);
}

static int
run_session(struct ssh_call *call, struct sshrun *run)
{
	const bool askpass = sshrun_has_askpass(call->cli, run);
	const bool sshpass = call->options->use_sshpass ||
		(!askpass && on_path(call->cli, "sshpass"));
	const char *name = NULL;
	struct ssh_creds creds;
	int status = ssh_creds_read(call, "otp", &creds);

	if (status != EXIT_DONE)
		return status;
	run->port = creds.port;
	/* Only now is the role's port known, and with it the key's name. */
	if (run->port[0] != '\0' &&
		sshrun_key_is_unknown(call->cli, run, &name))
		return ssh_revoke_lease(call, creds.lease_id,
			explain_unknown_key(call, name,
				"The password was revoked unused."));
	if (!askpass && !sshpass)
		show_password(creds.key);
	status = sshrun_session(call->cli, run,
		secret_view_of(creds.key, strlen(creds.key)), askpass, sshpass);
	return ssh_revoke_lease(call, creds.lease_id, status);
}

int
ssh_otp_run(struct ssh_call *call)
{
	struct ssh_options *options = call->options;
	struct sshrun run = ssh_call_sshrun(call);
	const char *name = NULL;

	if (!options->no_exec && call->args.port[0] != '\0' &&
		sshrun_key_is_unknown(call->cli, &run, &name))
		return explain_unknown_key(call, name, "No password was made.");
	if (!ssh_creds_make(call))
		return EXIT_SERVER;
	if (options->no_exec)
		return output_secret(call->cli, call->cli->answer.json);
	child_hold_signals(&run.old_mask);
	return run_session(call, &run);
}
