/* target sweep, reconcile: keys that lie there, and leases that say so. */
#include <string.h>

#include "client/commands.h"
#include "client/output.h"
#include "client/say.h"
#include "client/target_call.h"

struct keys_options {
	const char *mount_point;
	bool remove;
};

static const struct flag sweep_flags[] = {
	TARGET_MOUNT_FLAG(struct keys_options),
	BOOL_FLAG(
		struct keys_options, remove, "remove", .help = "Remove them."),
	FLAG_END,
};

static bool
is_empty(const struct value *list)
{
	return list == NULL || list->n == 0;
}

static void
print_keys(struct cli *cli, const struct value *data)
{
	const struct value *unknown = value_find(data, "unknown");
	const struct value *others = value_find(data, "others");
	struct table table = { .arena = cli->arena, .n_columns = 3 };

	if (is_empty(unknown) && is_empty(others))
		return;
	TABLE_ADD(&table, "User", "Key", "State");
	VALUE_EACH (key, unknown)
		TABLE_ADD(&table, value_find_str(key, "username", ""),
			value_find_str(key, "tag", ""),
			value_find_str(key, "state", ""));
	VALUE_EACH (key, others)
		TABLE_ADD(&table, value_find_str(key, "username", ""),
			value_find_str(key, "tag", ""), "of another server");
	table_print(&table);
}

/* Whether a key that was to be removed is still there. */
static bool
is_left(const struct value *keys)
{
	VALUE_EACH (key, keys) {
		if (strcmp(value_find_str(key, "state", ""), "failed") == 0) {
			say_error("%s: %s", value_find_str(key, "tag", ""),
				value_find_str(key, "why", ""));
			return true;
		}
	}
	return false;
}

static int
run_sweep(struct cli *cli, void *options, int argc, char **argv)
{
	const struct keys_options *wanted = options;
	struct value *body = value_object(cli->arena);
	const struct value *data, *unknown;
	struct err err = { 0 };

	(void)argc;
	(void)value_set_bool(cli->arena, body, "remove", wanted->remove);
	if (!target_post(cli,
		    target_path(cli, wanted->mount_point, argv[0], "/sweep"),
		    body, "Sweeping", argv[0], &err))
		return cli_fail("Error sweeping target", &err);
	data = value_find(cli->answer.json, "data");
	unknown = value_find(data, "unknown");
	if (cli->format != FORMAT_TABLE) {
		output_value(cli, cli->answer.json);
	} else {
		print_keys(cli, data);
		if (is_empty(unknown))
			printf("No key of ours is there without a lease.\n");
	}
	return is_left(unknown) ? EXIT_SERVER : EXIT_DONE;
}

const struct command cmd_target_sweep = {
	.name = "target sweep",
	.summary =
		"Find keys of ours that no lease knows; -remove takes them off.",
	.usage = "[options] NAME",
	.text = "  Keys that another Sallyport server put there are shown, and stay.\n\n"
		"    $ sallyport target sweep web1\n"
		"    $ sallyport target sweep -remove web1",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.rows = sweep_flags,
	.options_size = sizeof(struct keys_options),
	.run = run_sweep,
};

static const struct flag reconcile_flags[] = {
	TARGET_MOUNT_FLAG(struct keys_options),
	FLAG_END,
};

static void
print_missing(struct cli *cli, const struct value *leases)
{
	struct table table = { .arena = cli->arena, .n_columns = 3 };

	if (is_empty(leases))
		return;
	TABLE_ADD(&table, "User", "Lease", "State");
	VALUE_EACH (lease, leases)
		TABLE_ADD(&table, value_find_str(lease, "username", ""),
			value_find_str(lease, "lease_id", ""), "missing");
	table_print(&table);
}

static int
run_reconcile(struct cli *cli, void *options, int argc, char **argv)
{
	const struct keys_options *wanted = options;
	const struct value *data, *unknown, *missing;
	struct err err = { 0 };
	bool drifts;

	(void)argc;
	if (!target_post(cli,
		    target_path(
			    cli, wanted->mount_point, argv[0], "/reconcile"),
		    NULL, "Comparing", argv[0], &err))
		return cli_fail("Error comparing target", &err);
	data = value_find(cli->answer.json, "data");
	unknown = value_find(data, "unknown");
	missing = value_find(data, "missing");
	drifts = !is_empty(unknown) || !is_empty(missing);
	if (cli->format != FORMAT_TABLE) {
		output_value(cli, cli->answer.json);
	} else {
		print_keys(cli, data);
		print_missing(cli, missing);
		if (!drifts)
			printf("Every lease has its key there, and every key its lease.\n");
	}
	return drifts ? EXIT_SERVER : EXIT_DONE;
}

const struct command cmd_target_reconcile = {
	.name = "target reconcile",
	.summary = "Compare the keys on a target with the leases.",
	.usage = "[options] NAME",
	.text = "  Shows leases whose key is gone there, as on a device that was reset, and\n"
		"  keys there without a lease. It changes nothing; the exit code is 2 where\n"
		"  there is a difference.\n\n"
		"    $ sallyport target reconcile web1",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.rows = reconcile_flags,
	.options_size = sizeof(struct keys_options),
	.run = run_reconcile,
};
