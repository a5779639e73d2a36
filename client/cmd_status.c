/* status, version, path-help, server. */
#include <string.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/output.h"
#include "client/say.h"
#include "client/status_table.h"

#define EXIT_SEALED 2

static const char *
yes_no(const struct value *answer, const char *name)
{
	return value_find_bool(answer, name, false) ? "true" : "false";
}

/* One row of text for each member that there is. */
static void
add_if_there(struct cli *cli, struct table *table, const char *label,
	const struct value *answer, const char *name)
{
	const struct value *member = value_find(answer, name);

	if (member != NULL)
		TABLE_ADD(table, label, output_cell(cli, member));
}

int
status_print(struct cli *cli, const struct value *answer)
{
	const bool sealed = value_find_bool(answer, "sealed", true);
	struct table table = table_key_value(cli);

	if (value_find(answer, "sealed") == NULL)
		return cli_usage(
			"Error checking seal status: the server's answer does not tell; check -address and VAULT_ADDR");
	if (cli->format != FORMAT_TABLE) {
		struct value *all = value_copy(cli->arena, answer);

		(void)value_set_bool(cli->arena, all, "ha_enabled", false);
		(void)value_set_str(
			cli->arena, all, "active_time", "0001-01-01T00:00:00Z");
		output_value(cli, all);
		return sealed ? EXIT_SEALED : EXIT_DONE;
	}
	add_if_there(cli, &table, "Seal Type", answer, "type");
	TABLE_ADD(&table, "Initialized", yes_no(answer, "initialized"));
	TABLE_ADD(&table, "Sealed", yes_no(answer, "sealed"));
	add_if_there(cli, &table, "Sealed Reason", answer, "sealed_reason");
	add_if_there(cli, &table, "Total Shares", answer, "n");
	add_if_there(cli, &table, "Threshold", answer, "t");
	if (sealed) {
		const char *progress = arena_printf(cli->arena, "%lld/%lld",
			(long long)value_find_int(answer, "progress", 0),
			(long long)value_find_int(answer, "t", 0));

		TABLE_ADD(&table, "Unseal Progress",
			progress != NULL ? progress : "");
		add_if_there(cli, &table, "Unseal Nonce", answer, "nonce");
	}
	add_if_there(cli, &table, "Version", answer, "version");
	add_if_there(
		cli, &table, "Sallyport Version", answer, "sallyport_version");
	add_if_there(cli, &table, "Storage Type", answer, "storage_type");
	add_if_there(cli, &table, "Cluster Name", answer, "cluster_name");
	add_if_there(cli, &table, "Cluster ID", answer, "cluster_id");
	TABLE_ADD(&table, "HA Enabled", "false");
	table_print(&table);
	return sealed ? EXIT_SEALED : EXIT_DONE;
}

static int
run_status(struct cli *cli, void *options, int argc, char **argv)
{
	struct err err = { 0 };

	(void)options;
	(void)argc;
	(void)argv;
	if (!cli_call(cli, "GET", "sys/seal-status", NULL, &err)) {
		(void)cli_fail("Error checking seal status", &err);
		return EXIT_USAGE;
	}
	return status_print(cli, cli->answer.json);
}

const struct command cmd_status = {
	.name = "status",
	.summary = "Tell whether the server is sealed.",
	.usage = "[options]",
	.text = "  Exit status: 0 unsealed, 1 error, 2 sealed.\n\n"
		"    $ sallyport status",
	.flags = COMMAND_FORMAT,
	.args_min = 0,
	.args_max = 0,
	.run = run_status,
};

static int
run_version(struct cli *cli, void *options, int argc, char **argv)
{
	(void)cli;
	(void)options;
	(void)argc;
	(void)argv;
	printf("Sallyport v%s (%s), API %s\n", SALLYPORT_VERSION,
		SALLYPORT_REVISION, SALLYPORT_API_VERSION);
	return EXIT_DONE;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "Print the version.",
	.usage = "",
	.text = "    $ sallyport version",
	.flags = COMMAND_RAW_ARGS,
	.args_max = -1,
	.run = run_version,
};

static int
run_path_help(struct cli *cli, void *options, int argc, char **argv)
{
	const char *path = cli_clean_path(cli, argv[0]);
	struct value *query = value_object(cli->arena);
	const struct value *openapi;
	struct err err = { 0 };

	(void)options;
	(void)argc;
	(void)value_set_str(cli->arena, query, "help", "1");
	if (!cli_call_query(cli, "GET", path, query, &err)) {
		if (err.status != 503)
			return cli_fail("Error retrieving help", &err);
		say_long_error(
			"Error: Vault is sealed.\n\nThe \"path-help\" command requires the Vault to be unsealed so that the mount points of the secret engines are known.");
		return EXIT_SERVER;
	}
	openapi = value_find(cli->answer.json, "openapi");
	if (cli->format == FORMAT_JSON && openapi != NULL)
		output_line(openapi);
	else if (cli->format != FORMAT_TABLE && openapi != NULL)
		output_value(cli, openapi);
	else
		printf("%s\n", value_find_str(cli->answer.json, "help", ""));
	return EXIT_DONE;
}

const struct command cmd_path_help = {
	.name = "path-help",
	.summary = "Print the help of an API path.",
	.usage = "[options] PATH",
	.text = "    $ sallyport path-help ssh/creds/otp-web",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.run = run_path_help,
};

/* sallyportd beside us in a build tree, or where it was installed. */
static int
run_server(struct cli *cli, void *options, int argc, char **argv)
{
	static char name[] = "sallyportd";
	char **words = ARENA_ARRAY(cli->arena, char *, (size_t)argc + 2);
	char self[4096];
	const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	(void)options;
	if (words == NULL || len <= 0)
		return cli_usage("sallyportd cannot be found");
	self[len] = '\0';
	words[0] = name;
	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	slash = strrchr(self, '/');
	*slash = '\0';
	(void)execv(arena_printf(cli->arena, "%s/../server/sallyportd", self),
		words);
	(void)execv(SBINDIR "/sallyportd", words);
	(void)execvp(name, words);
	(void)cli_usage("sallyportd cannot be started");
	return EXIT_SERVER;
}

const struct command cmd_server = {
	.name = "server",
	.summary = "Run the server (sallyportd).",
	.usage = "[options]",
	.text = "  All options are sallyportd's: sallyport server -help.\n\n"
		"    $ sallyport server -dev",
	.flags = COMMAND_RAW_ARGS,
	.args_max = -1,
	.run = run_server,
};
