/* ssh -mode=otp: a one-time password is made, typed for the user, revoked. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/child.h"
#include "client/output.h"
#include "client/say.h"
#include "client/ssh_call.h"

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

/* After the session, whatever its end: the password is worth nothing. */
int
ssh_revoke_lease(struct ssh_call *call, const char *lease_id, int status)
{
	struct value *body = value_object(call->cli->arena);
	struct err err = { 0 };

	(void)value_set_str(call->cli->arena, body, "lease_id", lease_id);
	if (cli_call(call->cli, "PUT", "sys/leases/revoke", body, &err))
		return status;
	(void)cli_fail("failed to revoke key", &err);
	return status != 0 ? status : EXIT_SERVER;
}

static int
run_session(struct ssh_call *call, struct sshrun *run)
{
	const struct value *answer = call->cli->answer.json;
	const struct value *data = value_find(answer, "data");
	const struct value *port = value_find(data, "port");
	const char *otp = value_find_str(data, "key", "");
	const char *lease_id = value_find_str(answer, "lease_id", "");
	const bool askpass = sshrun_has_askpass(call->cli, run);
	const bool sshpass = call->options->use_sshpass ||
		(!askpass && on_path(call->cli, "sshpass"));
	const char *name = NULL;
	int status;

	if (otp[0] == '\0') {
		(void)cli_usage(
			"failed to generate credential: vault returned an invalid key");
		return EXIT_SERVER;
	}
	if (call->args.port[0] == '\0' && port != NULL)
		run->port = output_cell(call->cli, port);
	/* Only now is the role's port known, and with it the key's name. */
	if (run->port[0] != '\0' &&
		sshrun_key_is_unknown(call->cli, run, &name))
		return ssh_revoke_lease(call, lease_id,
			explain_unknown_key(call, name,
				"The password was revoked unused."));
	if (!askpass && !sshpass)
		show_password(otp);
	status = sshrun_session(call->cli, run,
		secret_view_of(otp, strlen(otp)), askpass, sshpass);
	return ssh_revoke_lease(call, lease_id, status);
}

static bool
ask(struct ssh_call *call, bool explain, struct err *err)
{
	struct cli *cli = call->cli;
	struct value *body = value_object(cli->arena);

	(void)value_set_str(cli->arena, body, "username", call->args.user);
	(void)value_set_str(cli->arena, body, "ip", call->ip);
	if (explain)
		(void)value_set_bool(cli->arena, body, "explain", true);
	return cli_call(cli, "PUT",
		arena_printf(
			cli->arena, "%s/creds/%s", call->mount, call->role),
		body, err);
}

int
ssh_otp_ask(struct ssh_call *call, struct err *err)
{
	return ask(call, true, err) ? EXIT_DONE : EXIT_SERVER;
}

static bool
make_credential(struct ssh_call *call)
{
	struct err err = { 0 };

	if (ask(call, false, &err) && call->cli->answer.json != NULL)
		return true;
	(void)cli_fail(
		"failed to generate credential: failed to get credentials",
		&err);
	return false;
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
	if (!make_credential(call))
		return EXIT_SERVER;
	if (options->no_exec)
		return output_secret(call->cli, call->cli->answer.json);
	child_hold_signals(&run.old_mask);
	return run_session(call, &run);
}
