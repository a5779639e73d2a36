/* lease: lookup, renew, revoke; queue, which the peer's command lacks. */
#include <string.h>

#include "client/commands.h"
#include "client/output.h"
#include "client/say.h"

struct lease_options {
	int64_t increment; /* s */
	bool sync, prefix, force, irrevocable;
};

static int
run_lookup(struct cli *cli, void *options, int argc, char **argv)
{
	struct value *body = value_object(cli->arena);
	struct err err = { 0 };
	const char *what;

	(void)options;
	if (argc == 0)
		return cli_usage("Missing ID!");
	(void)value_set_str(cli->arena, body, "lease_id", argv[0]);
	if (cli_call(cli, "PUT", "sys/leases/lookup", body, &err))
		return output_secret(cli, cli->answer.json);
	what = arena_printf(
		cli->arena, "error looking up lease id %s", argv[0]);
	return cli_fail(what != NULL ? what : "error", &err);
}

const struct command cmd_lease_lookup = {
	.name = "lease lookup",
	.summary = "Look up a lease.",
	.usage = "[options] ID",
	.text = "    $ sallyport lease lookup ssh/creds/otp-web/Zk3wqT0bY9sVx2LmNc7PdR4a",
	.flags = COMMAND_FORMAT,
	.args_max = 1,
	.run = run_lookup,
};

static const struct flag renew_flags[] = {
	DURATION_FLAG(struct lease_options, increment, "increment",
		.help = "New lifetime from now."),
	DURATION_FLAG(struct lease_options, increment, "i",
		.help = "The same as -increment."),
	FLAG_END,
};

static int
run_renew(struct cli *cli, void *options, int argc, char **argv)
{
	const struct lease_options *wanted = options;
	struct value *body = value_object(cli->arena);
	struct err err = { 0 };
	const char *what;

	if (argc == 0)
		return cli_usage("Missing ID!");
	(void)value_set_int(cli->arena, body, "increment", wanted->increment);
	(void)value_set_str(cli->arena, body, "lease_id", argv[0]);
	cli->doing = arena_printf(cli->arena, "Renewing %s", argv[0]);
	if (cli_call(cli, "PUT", "sys/leases/renew", body, &err))
		return output_secret(cli, cli->answer.json);
	what = arena_printf(cli->arena, "Error renewing %s", argv[0]);
	return cli_fail(what != NULL ? what : "Error renewing", &err);
}

const struct command cmd_lease_renew = {
	.name = "lease renew",
	.summary = "Renew a lease.",
	.usage = "[options] ID",
	.text = "    $ sallyport lease renew -increment=1h ID",
	.flags = COMMAND_FORMAT,
	.args_max = 1,
	.rows = renew_flags,
	.options_size = sizeof(struct lease_options),
	.run = run_renew,
};

static const struct flag revoke_flags[] = {
	BOOL_FLAG(struct lease_options, sync, "sync",
		.help = "Wait until it is done."),
	BOOL_FLAG(struct lease_options, prefix, "prefix",
		.help = "The argument is a prefix: revoke all below it."),
	BOOL_FLAG(struct lease_options, force, "force",
		.help = "With -prefix: forget them, whatever fails."),
	BOOL_FLAG(struct lease_options, force, "f",
		.help = "The same as -force."),
	FLAG_END,
};

static void
print_revoked(const struct lease_options *wanted, const char *id)
{
	if (wanted->force)
		printf("Success! Force revoked any leases with prefix: %s\n",
			id);
	else if (!wanted->sync)
		printf("All revocation operations queued successfully!\n");
	else if (wanted->prefix)
		printf("Success! Revoked any leases with prefix: %s\n", id);
	else
		printf("Success! Revoked lease: %s\n", id);
}

static int
run_revoke(struct cli *cli, void *options, int argc, char **argv)
{
	const struct lease_options *wanted = options;
	struct value *body = value_object(cli->arena);
	const char *path = "sys/leases/revoke/";
	struct err err = { 0 };

	if (argc == 0)
		return cli_usage("Missing ID!");
	if (wanted->force && !wanted->prefix)
		return cli_usage(
			"Specifying -force requires also specifying -prefix");
	if (wanted->force)
		say_warning(
			"Warning! Force-removing leases can cause Vault to become out of sync with secret engines!");
	if (wanted->prefix)
		path = wanted->force ? "sys/leases/revoke-force/"
				     : "sys/leases/revoke-prefix/";
	(void)value_set_bool(cli->arena, body, "sync", wanted->sync);
	if (wanted->sync)
		cli->doing = arena_printf(cli->arena, "Revoking %s", argv[0]);
	if (!cli_call(cli, "PUT", cli_path(cli, path, argv[0]), body, &err))
		return cli_fail("Error revoking lease", &err);
	print_revoked(wanted, argv[0]);
	return EXIT_DONE;
}

const struct command cmd_lease_revoke = {
	.name = "lease revoke",
	.summary = "Revoke a lease, or all below a prefix.",
	.usage = "[options] ID",
	.text = "  Keys that lie on machines come off behind it; -sync waits for the first\n"
		"  try. What fails is tried again for ever: see lease queue. -force forgets\n"
		"  such leases, and leaves the keys where they are.\n\n"
		"    $ sallyport lease revoke -prefix -sync ssh/creds/otp-web\n"
		"    $ sallyport lease revoke -prefix -force ssh/creds/lab",
	.args_max = 1,
	.rows = revoke_flags,
	.options_size = sizeof(struct lease_options),
	.run = run_revoke,
};

/* ---- what waits for other machines --------------------------------------- */

static const struct flag queue_flags[] = {
	BOOL_FLAG(struct lease_options, irrevocable, "irrevocable",
		.help = "Only those that failed six times or more."),
	FLAG_END,
};

static const char *
item_cell(struct cli *cli, const struct value *item, const char *name)
{
	const struct value *member = value_find(item, name);

	return member != NULL ? output_cell(cli, member) : "";
}

static int
run_queue(struct cli *cli, void *options, int argc, char **argv)
{
	const struct lease_options *wanted = options;
	struct value *query = value_object(cli->arena);
	struct table table = { .arena = cli->arena };
	const struct value *leases;
	struct err err = { 0 };

	(void)argc;
	(void)argv;
	(void)value_set_str(cli->arena, query, "type",
		wanted->irrevocable ? "irrevocable" : "pending");
	(void)value_set_str(cli->arena, query, "limit", "none");
	if (!cli_call_query(cli, "GET", "sys/leases", query, &err))
		return cli_fail("Error reading the queue of leases", &err);
	leases = value_find(value_find(cli->answer.json, "data"), "leases");
	if (leases == NULL || leases->type != VALUE_LIST)
		return cli_usage("the server listed no leases");
	if (cli->format != FORMAT_TABLE) {
		output_value(cli, leases);
		return EXIT_DONE;
	}
	if (leases->n == 0) {
		printf("No lease waits to be taken off its machine.\n");
		return EXIT_DONE;
	}
	TABLE_ADD(&table, "Lease", "Attempts", "Next try", "Last error");
	VALUE_EACH (item, leases)
		TABLE_ADD(&table, item_cell(cli, item, "lease_id"),
			item_cell(cli, item, "attempts"),
			item_cell(cli, item, "next_try"),
			item_cell(cli, item, "error"));
	table_print(&table);
	return EXIT_DONE;
}

const struct command cmd_lease_queue = {
	.name = "lease queue",
	.summary = "Show the leases that wait to be taken off their machines.",
	.usage = "[options]",
	.text = "  The server tries them again for ever. lease revoke -sync ID tries one at\n"
		"  once, lease revoke -force -prefix ends them without their machines.\n\n"
		"    $ sallyport lease queue -irrevocable",
	.flags = COMMAND_FORMAT,
	.rows = queue_flags,
	.options_size = sizeof(struct lease_options),
	.run = run_queue,
};
