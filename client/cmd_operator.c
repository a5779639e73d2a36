/* operator: init, unseal, seal, backup, check, clock-reset. */
#include <unistd.h>

#include "client/commands.h"
#include "client/output.h"
#include "client/status_table.h"

#define EXIT_NOT_INITIALIZED 2
#define EXIT_DAMAGED 2

struct init_options {
	int64_t shares, threshold;
	const char *pgp_keys, *root_token_pgp_key;
	int64_t recovery_shares, recovery_threshold;
	const char *recovery_pgp_keys;
	bool status;
};

static const struct flag init_flags[] = {
	INT_FLAG(struct init_options, shares, "key-shares", .initial = "5",
		.help = "Into how many shares the unseal key is split."),
	INT_FLAG(struct init_options, shares, "n",
		.help = "The same as -key-shares."),
	INT_FLAG(struct init_options, threshold, "key-threshold",
		.initial = "3", .help = "How many of them unseal."),
	INT_FLAG(struct init_options, threshold, "t",
		.help = "The same as -key-threshold."),
	TEXT_FLAG(struct init_options, pgp_keys, "pgp-keys",
		.help = "Not available on this server."),
	TEXT_FLAG(struct init_options, root_token_pgp_key, "root-token-pgp-key",
		.help = "Not available on this server."),
	INT_FLAG(struct init_options, recovery_shares, "recovery-shares",
		.initial = "5", .help = "Sent, and ignored."),
	INT_FLAG(struct init_options, recovery_threshold, "recovery-threshold",
		.initial = "3", .help = "Sent, and ignored."),
	TEXT_FLAG(struct init_options, recovery_pgp_keys, "recovery-pgp-keys",
		.help = "Not available on this server."),
	BOOL_FLAG(struct init_options, status, "status",
		.help = "Only tell whether it is initialised: 0 yes, 2 no."),
	FLAG_END,
};

static int
print_init_status(struct cli *cli)
{
	struct err err = { 0 };
	bool on;

	if (!cli_call(cli, "GET", "sys/init", NULL, &err)) {
		(void)cli_fail("Error checking init status", &err);
		return EXIT_USAGE;
	}
	if (value_find(cli->answer.json, "initialized") == NULL)
		return cli_usage(
			"Error checking init status: the server's answer does not tell; check -address and VAULT_ADDR");
	on = value_find_bool(cli->answer.json, "initialized", false);
	if (cli->format == FORMAT_TABLE) {
		printf("Vault is %sinitialized\n", on ? "" : "not ");
	} else {
		struct value *out = value_object(cli->arena);

		(void)value_set_bool(cli->arena, out, "Initialized", on);
		output_value(cli, out);
	}
	return on ? EXIT_DONE : EXIT_NOT_INITIALIZED;
}

static void
print_shares(const struct value *answer, const struct init_options *wanted)
{
	int i = 1;

	VALUE_EACH (key, value_find(answer, "keys_base64"))
		printf("Unseal Key %d: %s\n", i++, value_str(key, ""));
	printf("\nInitial Root Token: %s\n\n",
		value_find_str(answer, "root_token", ""));
	printf("Sallyport initialized with %lld key shares and a key threshold of %lld. Hand\n"
	       "the shares to different people and keep them safe: they are shown this once,\n"
	       "and %lld of them are needed after each start or seal.\n",
		(long long)wanted->shares, (long long)wanted->threshold,
		(long long)wanted->threshold);
}

static void
print_shares_json(struct cli *cli, const struct init_options *wanted)
{
	const struct value *answer = cli->answer.json;
	struct arena *arena = cli->arena;
	struct value *out = value_object(arena);

	(void)value_set(arena, out, "unseal_keys_b64",
		value_copy(arena, value_find(answer, "keys_base64")));
	(void)value_set(arena, out, "unseal_keys_hex",
		value_copy(arena, value_find(answer, "keys")));
	(void)value_set_int(arena, out, "unseal_shares", wanted->shares);
	(void)value_set_int(arena, out, "unseal_threshold", wanted->threshold);
	(void)value_set(arena, out, "recovery_keys_b64", value_list(arena));
	(void)value_set(arena, out, "recovery_keys_hex", value_list(arena));
	(void)value_set_int(
		arena, out, "recovery_keys_shares", wanted->recovery_shares);
	(void)value_set_int(arena, out, "recovery_keys_threshold",
		wanted->recovery_threshold);
	(void)value_set_str(arena, out, "root_token",
		value_find_str(answer, "root_token", ""));
	output_value(cli, out);
}

static int
run_init(struct cli *cli, void *options, int argc, char **argv)
{
	const struct init_options *wanted = options;
	struct value *body = value_object(cli->arena);
	struct err err = { 0 };

	(void)argc;
	(void)argv;
	if (wanted->status)
		return print_init_status(cli);
	if (wanted->pgp_keys[0] != '\0' ||
		wanted->root_token_pgp_key[0] != '\0' ||
		wanted->recovery_pgp_keys[0] != '\0')
		return cli_usage(
			"PGP keys are not available: leave -pgp-keys and the like out");
	(void)value_set_int(cli->arena, body, "secret_shares", wanted->shares);
	(void)value_set_int(
		cli->arena, body, "secret_threshold", wanted->threshold);
	if (!cli_call(cli, "PUT", "sys/init", body, &err))
		return cli_fail("Error initializing", &err);
	if (value_find_str(cli->answer.json, "root_token", "")[0] == '\0') {
		(void)err_set(&err, ERR_PEER, 0,
			"the server's answer holds no root token");
		return cli_fail("Error initializing", &err);
	}
	if (cli->format == FORMAT_TABLE)
		print_shares(cli->answer.json, wanted);
	else
		print_shares_json(cli, wanted);
	return EXIT_DONE;
}

const struct command cmd_operator_init = {
	.name = "operator init",
	.summary = "Initialise the store: make keys, shares and root token.",
	.usage = "[options]",
	.text = "    $ sallyport operator init -key-shares=5 -key-threshold=3",
	.flags = COMMAND_FORMAT,
	.rows = init_flags,
	.options_size = sizeof(struct init_options),
	.run = run_init,
};

struct unseal_options {
	bool reset, migrate;
};

static const struct flag unseal_flags[] = {
	BOOL_FLAG(struct unseal_options, reset, "reset",
		.help = "Forget the shares given so far."),
	BOOL_FLAG(struct unseal_options, migrate, "migrate",
		.help = "Not available on this server."),
	FLAG_END,
};

static int
run_unseal(struct cli *cli, void *options, int argc, char **argv)
{
	const struct unseal_options *wanted = options;
	struct value *body = value_object(cli->arena);
	const char *key = argc > 0 ? argv[0] : "";
	struct err err = { 0 };

	if (!wanted->reset && argc == 0 &&
		cli_read_hidden(cli, stdout,
			"Unseal Key (will be hidden): ", &key, &err) != 0)
		return cli_usage("Error reading unseal key: %s", err.message);
	(void)value_set_str(cli->arena, body, "key", key);
	(void)value_set_bool(cli->arena, body, "reset", wanted->reset);
	(void)value_set_bool(cli->arena, body, "migrate", wanted->migrate);
	if (!cli_call(cli, "PUT", "sys/unseal", body, &err))
		return cli_fail("Error unsealing", &err);
	return status_print(cli, cli->answer.json) == EXIT_USAGE ? EXIT_SERVER
								 : EXIT_DONE;
}

const struct command cmd_operator_unseal = {
	.name = "operator unseal",
	.summary = "Give one share of the unseal key.",
	.usage = "[options] [KEY]",
	.text = "  Without KEY it is asked for.\n\n    $ sallyport operator unseal",
	.flags = COMMAND_FORMAT,
	.args_max = 1,
	.rows = unseal_flags,
	.options_size = sizeof(struct unseal_options),
	.run = run_unseal,
};

static int
run_seal(struct cli *cli, void *options, int argc, char **argv)
{
	struct err err = { 0 };

	(void)options;
	(void)argc;
	(void)argv;
	if (!cli_call(cli, "PUT", "sys/seal", NULL, &err))
		return cli_fail("Error sealing", &err);
	printf("Success! Vault is sealed.\n");
	return EXIT_DONE;
}

const struct command cmd_operator_seal = {
	.name = "operator seal",
	.summary = "Seal the server.",
	.usage = "[options]",
	.text = "    $ sallyport operator seal",
	.run = run_seal,
};

static int
run_backup(struct cli *cli, void *options, int argc, char **argv)
{
	struct value *body = value_object(cli->arena);
	const char *path = argv[0];
	char here[4096];
	struct err err = { 0 };

	(void)options;
	(void)argc;
	if (path[0] != '/' && getcwd(here, sizeof(here)) != NULL)
		path = arena_printf(cli->arena, "%s/%s", here, path);
	if (path == NULL)
		return cli_usage("out of memory");
	(void)value_set_str(cli->arena, body, "file", path);
	if (!cli_call(cli, "PUT", "sys/storage/backup", body, &err))
		return cli_fail("Error making the backup", &err);
	printf("Success! Backup written to: %s (on the server)\n", path);
	return EXIT_DONE;
}

const struct command cmd_operator_backup = {
	.name = "operator backup",
	.summary =
		"Copy the store, while it runs, to a new file on the server.",
	.usage = "[options] FILE",
	.text = "  The copy is sealed; the server's user must be able to make the file.\n\n"
		"    $ sallyport operator backup /var/lib/sallyport/backup.db",
	.args_min = 1,
	.args_max = 1,
	.run = run_backup,
};

static int
run_check(struct cli *cli, void *options, int argc, char **argv)
{
	const struct value *found = NULL;
	struct err err = { 0 };
	int64_t n_damaged;

	(void)options;
	(void)argc;
	(void)argv;
	if (!cli_call(cli, "PUT", "sys/storage/check", NULL, &err))
		return cli_fail("Error checking the store", &err);
	found = value_find(cli->answer.json, "data");
	n_damaged = value_find_int(found, "damaged", 0);
	if (cli->format != FORMAT_TABLE) {
		output_value(cli, found);
		return n_damaged == 0 ? EXIT_DONE : EXIT_DAMAGED;
	}
	printf("%lld records, %lld damaged\n",
		(long long)value_find_int(found, "records", 0),
		(long long)n_damaged);
	VALUE_EACH (record, value_find(found, "damaged_records"))
		printf("%s\n", value_str(record, ""));
	return n_damaged == 0 ? EXIT_DONE : EXIT_DAMAGED;
}

const struct command cmd_operator_check = {
	.name = "operator check",
	.summary = "Open every record of the store; tell which are damaged.",
	.usage = "[options]",
	.text = "  Exit status: 0 none, 1 error, 2 some are damaged or the server said no.\n\n"
		"    $ sallyport operator check",
	.flags = COMMAND_FORMAT,
	.run = run_check,
};

static int
run_clock_reset(struct cli *cli, void *options, int argc, char **argv)
{
	struct err err = { 0 };

	(void)options;
	(void)argc;
	(void)argv;
	if (!cli_call(cli, "PUT", "sys/storage/clock-reset", NULL, &err))
		return cli_fail("Error resetting the clock", &err);
	printf("Success! The store's clock is now: %s\n",
		value_find_str(
			value_find(cli->answer.json, "data"), "now", ""));
	return EXIT_DONE;
}

const struct command cmd_operator_clock_reset = {
	.name = "operator clock-reset",
	.summary = "Set the store's clock mark to the machine's time again.",
	.usage = "[options]",
	.text = "    $ sallyport operator clock-reset",
	.run = run_clock_reset,
};
