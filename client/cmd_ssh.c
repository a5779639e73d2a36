/* ssh: log in to a host with a credential made for it. */
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/flags.h"
#include "client/say.h"
#include "client/ssh_call.h"

#define IN_CA_MODE "With -mode=ca: "
#define IN_DYNAMIC_MODE "With -mode=dynamic: "

static const struct flag ssh_flags[] = {
	TEXT_FLAG(struct ssh_options, mode, "mode",
		.help = "Kind of credential: otp, ca or dynamic."),
	TEXT_FLAG(struct ssh_options, role, "role",
		.help = "Role to ask; looked up by the host's address if left out."),
	BOOL_FLAG(struct ssh_options, no_exec, "no-exec",
		.help = "Print the credential and leave it to you."),
	BOOL_FLAG(struct ssh_options, explain, "explain",
		.help = "Say which rules hold and which is the first that does not; log in nowhere."),
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
		.help = IN_CA_MODE
		"the key to have signed; its private half has the name without \".pub\"."),
	TEXT_FLAG(struct ssh_options, private_key_path, "private-key-path",
		.help = IN_CA_MODE "the private half of that key."),
	TEXT_FLAG(struct ssh_options, host_key_mount_point,
		"host-key-mount-point", .env = "SSH_HOST_KEY_MOUNT_POINT",
		.help = IN_CA_MODE
		"trust hosts whose keys the CA of this mount signed, and no others."),
	TEXT_FLAG(struct ssh_options, host_key_hostnames, "host-key-hostnames",
		.initial = "*", .env = "SSH_HOST_KEY_HOSTNAMES",
		.help = IN_CA_MODE "hosts that this CA is trusted for."),
	TEXT_FLAG(struct ssh_options, valid_principals, "valid-principals",
		.help = IN_CA_MODE "names to log in as, instead of the user."),
	BOOL_FLAG(struct ssh_options, key_file, "key-file",
		.help = IN_DYNAMIC_MODE
		"hand ssh the key in a file in memory, not in an agent."),
	BOOL_FLAG(struct ssh_options, keep_lease, "keep-lease",
		.help = IN_DYNAMIC_MODE
		"leave the key on the host when the session ends."),
	FLAG_END,
};

static const char *
local_user(void)
{
	const struct passwd *entry = getpwuid(getuid());

	return entry != NULL ? entry->pw_name : "";
}

#define NO_ROLE_WARNING                                                        \
	"WARNING: No -role specified. Use -role to tell Vault which ssh role " \
	"to use for authentication. In the future, you will need to tell "     \
	"Vault which role to use. For now, Vault will attempt to guess based " \
	"on the API response. This will be removed in the Vault 1.1."

#define NO_MODE_WARNING                                                        \
	"WARNING: No -mode specified. Use -mode to tell Vault which ssh "      \
	"authentication mode to use. The role says it this time."

static int
choose_role(struct ssh_call *call)
{
	int rc;

	if (call->role[0] != '\0')
		return EXIT_DONE;
	say_warning(NO_ROLE_WARNING);
	rc = ssh_find_role(call);
	if (rc != EXIT_DONE)
		return rc;
	printf("Vault SSH: Role: \"%s\"\n", call->role);
	/* Before whatever ssh prints. */
	(void)fflush(stdout);
	return EXIT_DONE;
}

/* The role's own word, so that no credential is spent on a guess. */
static int
choose_mode(struct ssh_call *call, const char **ret_mode)
{
	struct err err = { 0 };

	*ret_mode = call->options->mode;
	if ((*ret_mode)[0] != '\0')
		return EXIT_DONE;
	say_warning(NO_MODE_WARNING);
	if (!ssh_read_role(call, &err)) {
		(void)cli_fail(
			"Error reading the role's mode; say it with -mode",
			&err);
		return EXIT_USAGE;
	}
	*ret_mode = value_find_str(
		value_find(call->cli->answer.json, "data"), "key_type", "");
	return EXIT_DONE;
}

static int
log_in(struct ssh_call *call)
{
	const struct ssh_mode *mode;
	const char *name = NULL;
	int rc = choose_role(call);

	if (rc == EXIT_DONE)
		rc = choose_mode(call, &name);
	if (rc != EXIT_DONE)
		return rc;
	mode = ssh_mode_find(name);
	return mode != NULL ? mode->run(call)
			    : cli_usage("Unknown SSH mode: %s", name);
}

/* A certificate names no host: where the role is known, any alias will do. */
static bool
needs_address(const struct ssh_options *options)
{
	return options->role[0] == '\0' || strcasecmp(options->mode, "ca") != 0;
}

static int
run_ssh(struct cli *cli, void *options, int argc, char **argv)
{
	struct ssh_call call = { .cli = cli, .options = options };
	struct err err = { 0 };

	if (argc == 0)
		return cli_usage("Not enough arguments, (expected 1-n, got 0)");
	if (sshargs_parse(cli->arena, argc, argv, &call.args, &err) != 0)
		return cli_usage(
			"Error parsing the ssh command: \"%s\"", err.message);
	if (call.args.user[0] == '\0')
		call.args.user = local_user();
	if (needs_address(call.options) &&
		sshargs_resolve(call.args.host, call.ip, &err) != 0)
		return cli_usage("Error resolving the ssh hostname: \"%s\"",
			err.message);
	call.mount = cli_clean_path(cli, call.options->mount_point);
	call.role = call.options->role;
	return call.options->explain ? ssh_explain(&call, NULL) : log_in(&call);
}

const struct command cmd_ssh = {
	.name = "ssh",
	.summary =
		"Log in to a host with a one-time password, a certificate or a key.",
	.usage = "[options] [user@]host [ssh options and command]",
	.text = "  Options of ours come before the host; what stands from the host on is\n"
		"  ssh's. ssh options may stand before the host behind \"--\".\n\n"
		"    $ sallyport ssh -mode=otp -role=otp-web deploy@10.0.0.7\n"
		"    $ sallyport ssh -mode=otp -role=otp-web deploy@[fe80::1%eth0]:2222 uptime\n"
		"    $ sallyport ssh -mode=ca -role=ca-ops deploy@web1\n"
		"    $ sallyport ssh -mode=dynamic -role=router admin@10.0.0.1\n\n"
		"  With -mode=ca and no key named, a key is made in memory and lives in an\n"
		"  ssh-agent of this session alone. With -mode=dynamic the server makes the\n"
		"  key and puts it on the host; it comes off when the session ends.\n\n"
		"  Why may I not log in, or what would I get? Nothing is granted by asking:\n\n"
		"    $ sallyport ssh -explain -mode=ca -role=ca-ops root@web1",
	.flags = COMMAND_FORMAT | COMMAND_FIELD | COMMAND_TAIL,
	.args_max = -1,
	.rows = ssh_flags,
	.options_size = sizeof(struct ssh_options),
	.run = run_ssh,
};
