/* ssh: log in to a host with a credential made for it. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/flags.h"
#include "client/output.h"
#include "client/sshargs.h"
#include "client/sshrun.h"
#include "lib/netaddr.h"

struct ssh_options {
	const char *mode, *role, *mount_point;
	bool no_exec, use_sshpass;
	const char *strict, *known_hosts, *executable;
	const char *public_key_path, *private_key_path;
	const char *host_key_mount_point, *host_key_hostnames;
	const char *valid_principals;
};

#define CA_ONLY "Only for -mode=ca."

static const struct flag ssh_flags[] = {
	TEXT_FLAG(struct ssh_options, mode, "mode",
		.help = "Kind of credential: otp."),
	TEXT_FLAG(struct ssh_options, role, "role",
		.help = "Role to ask; looked up by the host's address if left out."),
	BOOL_FLAG(struct ssh_options, no_exec, "no-exec",
		.help = "Print the credential and leave it to you."),
	TEXT_FLAG(struct ssh_options, mount_point, "mount-point",
		.initial = "ssh/", .help = "Where the engine is mounted."),
	TEXT_FLAG(struct ssh_options, strict, "strict-host-key-checking",
		.initial = "ask", .env = "SSH_STRICT_HOST_KEY_CHECKING",
		.help = "ssh's StrictHostKeyChecking."),
	TEXT_FLAG(struct ssh_options, known_hosts, "user-known-hosts-file",
		.env = "SSH_USER_KNOWN_HOSTS_FILE",
		.help = "ssh's UserKnownHostsFile."),
	TEXT_FLAG(struct ssh_options, executable, "ssh-executable",
		.initial = "ssh", .env = "SSH_EXECUTABLE",
		.help = "The ssh program."),
	BOOL_FLAG(struct ssh_options, use_sshpass, "use-sshpass",
		.help = "Have sshpass type the password."),
	TEXT_FLAG(struct ssh_options, public_key_path, "public-key-path",
		.help = CA_ONLY),
	TEXT_FLAG(struct ssh_options, private_key_path, "private-key-path",
		.help = CA_ONLY),
	TEXT_FLAG(struct ssh_options, host_key_mount_point,
		"host-key-mount-point", .env = "SSH_HOST_KEY_MOUNT_POINT",
		.help = CA_ONLY),
	TEXT_FLAG(struct ssh_options, host_key_hostnames, "host-key-hostnames",
		.initial = "*", .env = "SSH_HOST_KEY_HOSTNAMES",
		.help = CA_ONLY),
	TEXT_FLAG(struct ssh_options, valid_principals, "valid-principals",
		.help = CA_ONLY),
	FLAG_END,
};

/* One run of the command. */
struct ssh_call {
	struct cli *cli;
	struct ssh_options *options;
	struct sshargs args;
	char ip[NETADDR_TEXT_MAX];
	const char *mount; /* without slashes */
	const char *role;
};

static const char *
local_user(void)
{
	const struct passwd *entry = getpwuid(getuid());

	return entry != NULL ? entry->pw_name : "";
}

/* "~/x" of the path options. */
static const char *
expanded(struct cli *cli, const char *path)
{
	const char *home = getenv("HOME");
	const char *whole = path;

	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0') &&
		home != NULL)
		whole = arena_printf(cli->arena, "%s%s", home, path + 1);
	return whole != NULL ? whole : path;
}

/* ---- which role, which mode --------------------------------------------- */

#define NO_ROLE_WARNING                                                                    \
	"WARNING: No -role specified. Use -role to tell Vault which ssh role to use\n"     \
	"for authentication. In the future, you will need to tell Vault which role to\n"   \
	"use. For now, Vault will attempt to guess based on the API response. This will\n" \
	"be removed in the Vault 1.1.\n\n"

#define NO_MODE_WARNING                                                                   \
	"WARNING: No -mode specified. Use -mode to tell Vault which ssh authentication\n" \
	"mode to use. The role says it this time.\n\n"

static int
report_many(const struct value *roles)
{
	fprintf(stderr, "Error choosing role: Roles: \"");
	VALUE_EACH (role, roles)
		fprintf(stderr, "%s%.*s", role != roles->first ? ", " : "",
			(int)role->len, role->str);
	fprintf(stderr,
		"\". Several roles match this address.\n"
		"Select one of them with -role.\n");
	return EXIT_USAGE;
}

static int
choose_role(struct ssh_call *call)
{
	struct cli *cli = call->cli;
	struct value *body = value_object(cli->arena);
	const struct value *roles;
	struct err err = { 0 };

	if (call->options->role[0] != '\0') {
		call->role = call->options->role;
		return EXIT_DONE;
	}
	fprintf(stderr, NO_ROLE_WARNING);
	(void)value_set_str(cli->arena, body, "ip", call->ip);
	if (!cli_call(cli, "PUT",
		    arena_printf(cli->arena, "%s/lookup", call->mount), body,
		    &err)) {
		(void)cli_fail("Error choosing role", &err);
		return EXIT_USAGE;
	}
	roles = value_find(value_find(cli->answer.json, "data"), "roles");
	if (roles == NULL || roles->type != VALUE_LIST || roles->n == 0)
		return cli_usage(
			"Error choosing role: no matching roles found for IP \"%s\"",
			call->ip);
	if (roles->n > 1)
		return report_many(roles);
	call->role = roles->first->str;
	printf("Vault SSH: Role: \"%s\"\n", call->role);
	/* Before whatever ssh prints. */
	(void)fflush(stdout);
	return EXIT_DONE;
}

/* The role's own word, so that no credential is spent on a guess. */
static int
choose_mode(struct ssh_call *call, const char **ret_mode)
{
	struct cli *cli = call->cli;
	struct err err = { 0 };

	*ret_mode = call->options->mode;
	if ((*ret_mode)[0] != '\0')
		return EXIT_DONE;
	fprintf(stderr, NO_MODE_WARNING);
	if (!cli_call(cli, "GET",
		    arena_printf(
			    cli->arena, "%s/roles/%s", call->mount, call->role),
		    NULL, &err)) {
		(void)cli_fail(
			"Error reading the role's mode; say -mode=otp", &err);
		return EXIT_USAGE;
	}
	*ret_mode = value_find_str(
		value_find(cli->answer.json, "data"), "key_type", "");
	return EXIT_DONE;
}

static int
check_mode(const char *mode)
{
	if (strcasecmp(mode, "otp") == 0)
		return EXIT_DONE;
	if (strcasecmp(mode, "ca") == 0 || strcasecmp(mode, "dynamic") == 0)
		return cli_usage(
			"SSH mode %s is not supported yet: use -mode=otp",
			mode);
	return cli_usage("Unknown SSH mode: %s", mode);
}

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
	fprintf(stderr,
		"Vault could not locate \"sshpass\". The OTP code for the session is displayed\n"
		"below. Enter this code in the SSH password prompt. If you install sshpass,\n"
		"Vault can automatically perform this step for you.\n");
	printf("OTP for the session is: %s\n", otp);
	(void)fflush(stdout);
}

/* After the session, whatever its end: the password is worth nothing. */
static int
revoke_lease(struct ssh_call *call, const char *lease_id, int status)
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
		return revoke_lease(call, lease_id,
			explain_unknown_key(call, name,
				"The password was revoked unused."));
	if (!askpass && !sshpass)
		show_password(otp);
	status = sshrun_session(call->cli, run,
		secret_view_of(otp, strlen(otp)), askpass, sshpass);
	return revoke_lease(call, lease_id, status);
}

static bool
make_credential(struct ssh_call *call)
{
	struct cli *cli = call->cli;
	struct value *body = value_object(cli->arena);
	struct err err = { 0 };

	(void)value_set_str(cli->arena, body, "username", call->args.user);
	(void)value_set_str(cli->arena, body, "ip", call->ip);
	if (cli_call(cli, "PUT",
		    arena_printf(
			    cli->arena, "%s/creds/%s", call->mount, call->role),
		    body, &err) &&
		cli->answer.json != NULL)
		return true;
	(void)cli_fail(
		"failed to generate credential: failed to get credentials",
		&err);
	return false;
}

static int
run_otp(struct ssh_call *call)
{
	struct ssh_options *options = call->options;
	struct sshrun run = { .executable = options->executable,
		.strict = options->strict,
		.known_hosts = expanded(call->cli, options->known_hosts),
		.port = "",
		.words = call->args.words,
		.n_words = call->args.n_words };
	const char *name = NULL;

	(void)sigemptyset(&run.old_mask);
	if (!options->no_exec && call->args.port[0] != '\0' &&
		sshrun_key_is_unknown(call->cli, &run, &name))
		return explain_unknown_key(call, name, "No password was made.");
	if (!make_credential(call))
		return EXIT_SERVER;
	if (options->no_exec)
		return output_secret(call->cli, call->cli->answer.json);
	sshrun_hold_signals(&run);
	return run_session(call, &run);
}

static int
run_ssh(struct cli *cli, void *options, int argc, char **argv)
{
	struct ssh_call call = { .cli = cli, .options = options };
	const char *mode = NULL;
	struct err err = { 0 };
	int rc;

	if (argc == 0)
		return cli_usage("Not enough arguments, (expected 1-n, got 0)");
	if (sshargs_parse(cli->arena, argc, argv, &call.args, &err) != 0)
		return cli_usage(
			"Error parsing the ssh command: \"%s\"", err.message);
	if (call.args.user[0] == '\0')
		call.args.user = local_user();
	if (sshargs_resolve(call.args.host, call.ip, &err) != 0)
		return cli_usage("Error resolving the ssh hostname: \"%s\"",
			err.message);
	call.mount = cli_clean_path(cli, call.options->mount_point);
	rc = choose_role(&call);
	if (rc == EXIT_DONE)
		rc = choose_mode(&call, &mode);
	if (rc == EXIT_DONE)
		rc = check_mode(mode);
	return rc == EXIT_DONE ? run_otp(&call) : rc;
}

const struct command cmd_ssh = {
	.name = "ssh",
	.summary = "Log in to a host with a one-time password.",
	.usage = "[options] [user@]host [ssh options and command]",
	.text = "  Options of ours come before the host; what stands from the host on is\n"
		"  ssh's. ssh options may stand before the host behind \"--\".\n\n"
		"    $ sallyport ssh -mode=otp -role=otp-web deploy@10.0.0.7\n"
		"    $ sallyport ssh -mode=otp -role=otp-web deploy@[fe80::1%eth0]:2222 uptime",
	.flags = COMMAND_FORMAT | COMMAND_FIELD | COMMAND_TAIL,
	.args_max = -1,
	.rows = ssh_flags,
	.options_size = sizeof(struct ssh_options),
	.run = run_ssh,
};
