/*
 * sallyport: find the command of the first words, read its options, run it.
 * Help, versions and exit codes as spec/cli.md 1 says.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sodium.h>

#include "client/askpass.h"
#include "client/cli.h"
#include "client/flags.h"
#include "client/help.h"
#include "client/say.h"
#include "lib/json.h"
#include "lib/log.h"

#define ARENA_MAX ((size_t)512 * 1024 * 1024)

const struct flag global_flags[] = {
	TEXT_FLAG(struct cli_options, address, "address",
		.initial = "https://127.0.0.1:8200", .env = "ADDR",
		.help = "Address of the server."),
	TEXT_FLAG(struct cli_options, agent_address, "agent-address",
		.env = "AGENT_ADDR",
		.help = "Address of an agent; wins over -address."),
	TEXT_FLAG(struct cli_options, ca_cert, "ca-cert", .env = "CACERT",
		.help = "PEM file of the server's authority."),
	TEXT_FLAG(struct cli_options, ca_path, "ca-path", .env = "CAPATH",
		.help = "Directory of such files."),
	TEXT_FLAG(struct cli_options, client_cert, "client-cert",
		.env = "CLIENT_CERT", .help = "PEM file of our certificate."),
	TEXT_FLAG(struct cli_options, client_key, "client-key",
		.env = "CLIENT_KEY", .help = "PEM file of its key."),
	TEXT_FLAG(struct cli_options, tls_server_name, "tls-server-name",
		.env = "TLS_SERVER_NAME",
		.help = "Name to expect in the server's certificate."),
	BOOL_FLAG(struct cli_options, tls_skip_verify, "tls-skip-verify",
		.env = "SKIP_VERIFY", .help = "Accept any certificate."),
	TEXT_FLAG(struct cli_options, namespace, "namespace",
		.env = "NAMESPACE", .help = "Sent as X-Vault-Namespace."),
	TEXT_FLAG(struct cli_options, namespace, "ns",
		.help = "The same as -namespace."),
	TTL_FLAG(struct cli_options, wrap_ttl, "wrap-ttl", .env = "WRAP_TTL",
		.help = "Wrap the answer; its wrapping token is good this long."),
	LIST_FLAG(struct cli_options, mfa, "mfa", .env = "MFA",
		.help = "Sent as X-Vault-MFA; may be repeated."),
	BOOL_FLAG(struct cli_options, policy_override, "policy-override",
		.help = "Sent as X-Vault-Policy-Override."),
	BOOL_FLAG(struct cli_options, output_curl_string, "output-curl-string",
		.help = "Print the call as a curl command, and do not make it."),
	BOOL_FLAG(struct cli_options, output_policy, "output-policy",
		.help = "Print the policy that the call needs, and do not make it."),
	FLAG_END,
};

static const struct flag format_flags[] = {
	TEXT_FLAG(struct cli_options, format, "format", .initial = "table",
		.env = "FORMAT", .help = "table, json, yaml or raw."),
	FLAG_END,
};

static const struct flag field_flags[] = {
	TEXT_FLAG(struct cli_options, field, "field",
		.help = "Print this field alone."),
	FLAG_END,
};

/* ---- which command ------------------------------------------------------ */

/* The command whose name is the first one or two words; *ret_used: how many. */
static const struct command *
find_command(int argc, char **argv, int *ret_used)
{
	const struct command *found = NULL;

	for (size_t i = 0; commands[i] != NULL; i++) {
		const char *name = commands[i]->name;
		const char *blank = strchr(name, ' ');
		const size_t first =
			blank != NULL ? (size_t)(blank - name) : strlen(name);

		if (strlen(argv[0]) != first ||
			strncmp(argv[0], name, first) != 0)
			continue;
		if (blank == NULL) {
			*ret_used = 1;
			found = commands[i];
		} else if (argc > 1 && strcmp(argv[1], blank + 1) == 0) {
			*ret_used = 2;
			return commands[i];
		}
	}
	return found;
}

static bool
is_help_word(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "-help") == 0 ||
		strcmp(word, "--help") == 0;
}

/* Of another program's words none are ours. */
static bool
asks_for_help(const struct command *command, int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (is_help_word(argv[i]))
			return true;
		if ((command->flags & COMMAND_TAIL) != 0 && argv[i][0] != '-')
			return false;
	}
	return false;
}

static bool
is_version_word(const char *word)
{
	return strcmp(word, "-v") == 0 || strcmp(word, "-version") == 0 ||
		strcmp(word, "--version") == 0;
}

/* ---- -format anywhere --------------------------------------------------- */

/*
 * -format may stand behind the arguments too: take it out of argv, before a
 * "--" only. Returns the new count.
 */
static int
take_format(int argc, char **argv, const char **format)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		const char *name = argv[i];

		if (strcmp(name, "--") == 0) {
			while (i < argc)
				argv[kept++] = argv[i++];
			break;
		}
		name += strncmp(name, "--", 2) == 0 ? 1 : 0;
		if (strncmp(name, "-format=", 8) == 0)
			*format = name + 8;
		else if (strcmp(name, "-format") == 0 && i + 1 < argc)
			*format = argv[++i];
		else
			argv[kept++] = argv[i];
	}
	return kept;
}

static int
choose_format(struct cli *cli)
{
	const char *name = cli->options.format;

	if (name == NULL || strcasecmp(name, "table") == 0)
		cli->format = FORMAT_TABLE;
	else if (strcasecmp(name, "json") == 0)
		cli->format = FORMAT_JSON;
	else if (strcasecmp(name, "yaml") == 0 || strcasecmp(name, "yml") == 0)
		cli->format = FORMAT_YAML;
	else if (strcasecmp(name, "raw") == 0)
		cli->format = FORMAT_RAW;
	else
		return cli_usage("Invalid output format: %s", name);
	say_table(cli->format == FORMAT_TABLE);
	return EXIT_DONE;
}

/* ---- running it --------------------------------------------------------- */

static int
check_count(const struct command *command, int n)
{
	if (n < command->args_min)
		return cli_usage("Not enough arguments (expected %s%d, got %d)",
			(command->flags & COMMAND_AT_LEAST) != 0 ? "at least "
								 : "",
			command->args_min, n);
	if (command->args_max >= 0 && n > command->args_max)
		return cli_usage("Too many arguments (expected %d, got %d)",
			command->args_max, n);
	return EXIT_DONE;
}

/* Tables that this command's options may come from. */
static size_t
collect_sets(struct cli *cli, void *options, struct flag_set sets[4])
{
	const struct command *command = cli->command;
	size_t n = 0;

	sets[n++] = (struct flag_set){ command->rows, options };
	sets[n++] = (struct flag_set){ global_flags, &cli->options };
	if ((command->flags & COMMAND_FORMAT) != 0)
		sets[n++] = (struct flag_set){ format_flags, &cli->options };
	if ((command->flags & COMMAND_FIELD) != 0)
		sets[n++] = (struct flag_set){ field_flags, &cli->options };
	return n;
}

static int
read_options(
	struct cli *cli, void *options, int argc, char **argv, int *ret_used)
{
	struct flag_set sets[4];
	const size_t n = collect_sets(cli, options, sets);
	struct err err = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (flags_init(&sets[i], &err) != 0) {
			say_error("%s", err.message);
			return EXIT_SERVER;
		}
	}
	if (flags_parse(sets, n, argc, argv, ret_used, &err) != 0)
		return cli_usage("%s", err.message);
	return EXIT_DONE;
}

static int
run_command(struct cli *cli, int argc, char **argv)
{
	const struct command *command = cli->command;
	const char *format = NULL;
	void *options = arena_alloc(cli->arena, 1, command->options_size + 1);
	int used = 0;
	int rc;

	if (options == NULL)
		return cli_usage("out of memory");
	if ((command->flags & COMMAND_RAW_ARGS) != 0)
		return command->run(cli, options, argc, argv);
	if (asks_for_help(command, argc, argv)) {
		help_print_command(command);
		return EXIT_DONE;
	}
	cli->options.field = "";
	if ((command->flags & (COMMAND_FORMAT | COMMAND_TAIL)) ==
		COMMAND_FORMAT)
		argc = take_format(argc, argv, &format);
	rc = read_options(cli, options, argc, argv, &used);
	if (rc != EXIT_DONE)
		return rc;
	if (format != NULL)
		cli->options.format = format;
	rc = choose_format(cli);
	if (rc == EXIT_DONE)
		rc = check_count(command, argc - used);
	return rc != EXIT_DONE
		? rc
		: command->run(cli, options, argc - used, argv + used);
}

/* What is no command: help of all or of a group, with its exit code. */
static int
explain(int argc, char **argv)
{
	if (argc > 0 && is_help_word(argv[0])) {
		help_print_all();
		return EXIT_DONE;
	}
	if (argc > 0 && help_print_group(argv[0]))
		return argc > 1 && is_help_word(argv[1]) ? EXIT_DONE
							 : EXIT_USAGE;
	if (argc > 0 && argv[0][0] == '-' && !is_version_word(argv[0])) {
		say_long_error(
			"Invalid flags before the subcommand. If these flags are for the subcommand, please put them after the subcommand.\n");
		help_print_all();
		return EXIT_USAGE;
	}
	help_print_all();
	return EXIT_UNKNOWN;
}

/* A call was to be shown, and the command made none. */
static int
report_no_call(const struct cli *cli, int rc)
{
	say_error("Could not generate %s",
		cli->options.output_curl_string ? "cURL command" : "policy");
	return rc != EXIT_DONE ? rc : EXIT_USAGE;
}

/*
 * No socket of ours gets the number of a closed standard stream, for a program
 * that we start to read from or for our own words to go to.
 */
static void
open_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

static void
harden(void)
{
	const struct rlimit none = { 0, 0 };

	/* Whoever ignores it has given us that, and our children no end. */
	(void)signal(SIGCHLD, SIG_DFL);
	open_streams();
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}

int
main(int argc, char **argv)
{
	static char version[] = "version", target[] = "target";
	struct cli cli = { .format = FORMAT_TABLE };
	int used = 0;
	int rc;

	harden();
	if (getenv(ASKPASS_VARIABLE) != NULL)
		return askpass_main(argc > 1 ? argv[1] : "");
	if (sodium_init() < 0)
		return EXIT_USAGE;
	json_setup();
	log_set_level(LOG_ERROR);
	if (argc == 2 && is_version_word(argv[1]))
		argv[1] = version;
	if (argc > 1 && strcmp(argv[1], "connection") == 0)
		argv[1] = target;
	if (argc < 2)
		return explain(0, argv);
	cli.command = find_command(argc - 1, argv + 1, &used);
	if (cli.command == NULL)
		return explain(argc - 1, argv + 1);
	cli.arena = arena_new(ARENA_MAX);
	if (cli.arena == NULL)
		return cli_usage("out of memory");
	rc = run_command(&cli, argc - 1 - used, argv + 1 + used);
	if (cli.options.output_curl_string || cli.options.output_policy)
		rc = report_no_call(&cli, rc);
	cli_clear(&cli);
	return say_finish(rc);
}
