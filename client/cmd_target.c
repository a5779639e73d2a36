/* target: list, read, delete, test, scan, doctor, repin. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/output.h"
#include "client/say.h"
#include "client/target_call.h"

struct target_options {
	const char *mount_point;
	bool force, add;
	struct flag_list host_keys;
};

static const struct flag mount_flags[] = {
	TARGET_MOUNT_FLAG(struct target_options),
	FLAG_END,
};

static const char *
path_of(struct cli *cli, const void *options, char **argv, const char *tail)
{
	const struct target_options *wanted = options;

	return target_path(cli, wanted->mount_point, argv[0], tail);
}

/* ---- list --------------------------------------------------------------- */

static void
print_targets(struct cli *cli, const struct value *data)
{
	struct table table = { .arena = cli->arena, .n_columns = 8 };

	TABLE_ADD(&table, "Name", "Host", "Port", "User", "Key", "Profile",
		"Host keys", "State");
	VALUE_EACH (one, value_find(data, "key_info"))
		TABLE_ADD(&table, one->key, value_find_str(one, "host", ""),
			output_cell(cli, value_find(one, "port")),
			value_find_str(one, "user", ""),
			value_find_str(one, "key", ""),
			value_find_str(one, "profile", ""),
			output_cell(cli, value_find(one, "host_keys")),
			value_find_str(one, "state", ""));
	table_print(&table);
}

static int
run_list(struct cli *cli, void *options, int argc, char **argv)
{
	const struct target_options *wanted = options;
	const char *mount = cli_clean_path(cli, wanted->mount_point);
	struct value *query = value_object(cli->arena);
	const char *path;
	struct err err = { 0 };

	(void)argc;
	(void)argv;
	path = arena_printf(cli->arena, "%s/targets", mount);
	(void)value_set_str(cli->arena, query, "list", "true");
	if (path == NULL)
		return cli_usage("out of memory");
	if (!cli_call_query(cli, "GET", path, query, &err)) {
		if (err.status != 404)
			return cli_fail("Error listing targets", &err);
		return output_no_list(cli, "No value found at", path);
	}
	if (cli->format != FORMAT_TABLE)
		output_value(cli, value_find(cli->answer.json, "data"));
	else
		print_targets(cli, value_find(cli->answer.json, "data"));
	return EXIT_DONE;
}

const struct command cmd_target_list = {
	.name = "target list",
	.summary = "List the targets.",
	.usage = "[options]",
	.text = "    $ sallyport target list",
	.flags = COMMAND_FORMAT,
	.rows = mount_flags,
	.options_size = sizeof(struct target_options),
	.run = run_list,
};

/* ---- read, delete ------------------------------------------------------- */

static int
run_read(struct cli *cli, void *options, int argc, char **argv)
{
	struct err err = { 0 };

	(void)argc;
	if (!cli_call(
		    cli, "GET", path_of(cli, options, argv, ""), NULL, &err)) {
		if (err.status != 404)
			return cli_fail("Error reading target", &err);
		say_error("No target named %s", argv[0]);
		return EXIT_SERVER;
	}
	return output_secret(cli, cli->answer.json);
}

const struct command cmd_target_read = {
	.name = "target read",
	.summary = "Read a target.",
	.usage = "[options] NAME",
	.text = "    $ sallyport target read web1",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.rows = mount_flags,
	.options_size = sizeof(struct target_options),
	.run = run_read,
};

static const struct flag delete_flags[] = {
	TARGET_MOUNT_FLAG(struct target_options),
	BOOL_FLAG(struct target_options, force, "force",
		.help = "Although keys of live leases lie there."),
	FLAG_END,
};

static int
run_delete(struct cli *cli, void *options, int argc, char **argv)
{
	const struct target_options *wanted = options;
	struct value *query = value_object(cli->arena);
	struct err err = { 0 };

	(void)argc;
	if (wanted->force)
		(void)value_set_str(cli->arena, query, "force", "true");
	if (!cli_call_query(cli, "DELETE", path_of(cli, options, argv, ""),
		    query, &err))
		return cli_fail("Error deleting target", &err);
	printf("Success! Deleted target (if it existed): %s\n", argv[0]);
	return EXIT_DONE;
}

const struct command cmd_target_delete = {
	.name = "target delete",
	.summary = "Delete a target.",
	.usage = "[options] NAME",
	.text = "    $ sallyport target delete web1",
	.args_min = 1,
	.args_max = 1,
	.rows = delete_flags,
	.options_size = sizeof(struct target_options),
	.run = run_delete,
};

/* ---- test, scan, doctor ------------------------------------------------- */

static bool
is_ok(const struct value *data)
{
	return strcmp(value_find_str(data, "state", ""), "ok") == 0;
}

static int
run_test(struct cli *cli, void *options, int argc, char **argv)
{
	const struct value *data;
	struct err err = { 0 };
	int code;

	(void)argc;
	if (!target_post(cli, path_of(cli, options, argv, "/test"), NULL,
		    "Logging in to", argv[0], &err))
		return cli_fail("Error testing target", &err);
	data = value_find(cli->answer.json, "data");
	code = output_secret(cli, cli->answer.json);
	if (code != EXIT_DONE || is_ok(data))
		return code;
	say_error("%s: %s", value_find_str(data, "state", ""),
		value_find_str(data, "why", ""));
	return EXIT_SERVER;
}

const struct command cmd_target_test = {
	.name = "target test",
	.summary = "Log in to a target with its key, and do nothing there.",
	.usage = "[options] NAME",
	.text = "  Asks for no password. The exit code is 0 where it works, else 2.\n\n"
		"    $ sallyport target test web1",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.rows = mount_flags,
	.options_size = sizeof(struct target_options),
	.run = run_test,
};

static int
run_scan(struct cli *cli, void *options, int argc, char **argv)
{
	const struct value *data;
	struct err err = { 0 };

	(void)argc;
	if (!target_post(cli, path_of(cli, options, argv, "/scan"), NULL,
		    "Scanning", argv[0], &err))
		return cli_fail("Error scanning target", &err);
	data = value_find(cli->answer.json, "data");
	if (cli->format != FORMAT_TABLE)
		output_value(cli, cli->answer.json);
	else
		target_print_keys(cli, data);
	if (is_ok(data))
		return EXIT_DONE;
	say_error(strcmp(value_find_str(data, "state", ""),
			  "host_key_unknown") == 0
			? "No host key is pinned: compare these with the machine's own, then see target repin"
			: "It shows none of the host keys that are pinned: find out why, then see target repin");
	return EXIT_SERVER;
}

const struct command cmd_target_scan = {
	.name = "target scan",
	.summary = "Show a target's host keys, and which of them are pinned.",
	.usage = "[options] NAME",
	.text = "  Nothing is pinned by it. -format=json shows its algorithms too. The\n"
		"  exit code is 0 where a key is pinned, else 2.\n\n"
		"    $ sallyport target scan web1",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.rows = mount_flags,
	.options_size = sizeof(struct target_options),
	.run = run_scan,
};

static void
print_checks(struct cli *cli, const struct value *data)
{
	struct table table = { .arena = cli->arena, .n_columns = 3 };

	TABLE_ADD(&table, "Check", "State", "Seen");
	VALUE_EACH (row, value_find(data, "checks"))
		TABLE_ADD(&table, value_find_str(row, "check", ""),
			value_find_str(row, "state", ""),
			value_find_str(row, "seen", ""));
	table_print(&table);
	VALUE_EACH (row, value_find(data, "checks")) {
		if (value_find_str(row, "fix", "")[0] != '\0')
			printf("\n%s: %s\n", value_find_str(row, "check", ""),
				value_find_str(row, "fix", ""));
	}
}

static int
run_doctor(struct cli *cli, void *options, int argc, char **argv)
{
	const struct value *data;
	struct err err = { 0 };

	(void)argc;
	if (!target_post(cli, path_of(cli, options, argv, "/doctor"), NULL,
		    "Looking at", argv[0], &err))
		return cli_fail("Error looking at target", &err);
	data = value_find(cli->answer.json, "data");
	if (cli->format != FORMAT_TABLE)
		output_value(cli, cli->answer.json);
	else
		print_checks(cli, data);
	return value_find_bool(data, "ok", false) ? EXIT_DONE : EXIT_SERVER;
}

const struct command cmd_target_doctor = {
	.name = "target doctor",
	.summary = "Check a target for all that a key needs there.",
	.usage = "[options] NAME",
	.text = "  Behind the table stands what mends each row. The exit code is 2 where\n"
		"  one is bad.\n\n"
		"    $ sallyport target doctor web1",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.rows = mount_flags,
	.options_size = sizeof(struct target_options),
	.run = run_doctor,
};

/* ---- repin -------------------------------------------------------------- */

static const struct flag repin_flags[] = {
	TARGET_MOUNT_FLAG(struct target_options),
	LIST_FLAG(struct target_options, host_keys, "host-key",
		.help = "A host key, or the SHA256 fingerprint of one that it shows; may be repeated."),
	BOOL_FLAG(struct target_options, add, "add",
		.help = "Keep the pinned ones too."),
	FLAG_END,
};

static bool
is_fingerprint(const char *text)
{
	return strncmp(text, "SHA256:", strlen("SHA256:")) == 0;
}

/* The flags as a body; NULL: keys and fingerprints are mixed. */
static struct value *
body_of_flags(struct cli *cli, const struct target_options *wanted)
{
	struct value *body = value_object(cli->arena);
	struct value *list = value_list(cli->arena);
	const bool prints = is_fingerprint(wanted->host_keys.items[0]);

	for (size_t i = 0; i < wanted->host_keys.n; i++) {
		if (is_fingerprint(wanted->host_keys.items[i]) != prints)
			return NULL;
		(void)value_add(list,
			value_string(cli->arena, wanted->host_keys.items[i]));
	}
	(void)value_set(
		cli->arena, body, prints ? "fingerprints" : "host_keys", list);
	return body;
}

/* Show what it has now, and ask. *ret_body NULL: nobody said yes. */
static int
ask_for_keys(struct cli *cli, const void *options, char **argv,
	struct value **ret_body)
{
	const struct value *scan;
	struct value *shown;
	struct err err = { 0 };

	if (!target_post(cli, path_of(cli, options, argv, "/scan"), NULL,
		    "Scanning", argv[0], &err))
		return cli_fail("Error scanning target", &err);
	scan = value_find(cli->answer.json, "data");
	target_print_keys(cli, scan);
	shown = target_fingerprints(cli, scan, NULL);
	if (target_confirm(cli, shown)) {
		*ret_body = value_object(cli->arena);
		(void)value_set(cli->arena, *ret_body, "fingerprints", shown);
	}
	return EXIT_DONE;
}

static int
run_repin(struct cli *cli, void *options, int argc, char **argv)
{
	const struct target_options *wanted = options;
	struct value *body = NULL;
	struct err err = { 0 };
	int code = EXIT_DONE;

	(void)argc;
	if (wanted->host_keys.n > 0) {
		body = body_of_flags(cli, wanted);
		if (body == NULL)
			return cli_usage(
				"-host-key: give keys or fingerprints, not both");
	} else if (isatty(STDIN_FILENO) != 1) {
		return cli_usage(
			"There is no terminal to confirm host keys at: give -host-key");
	} else {
		code = ask_for_keys(cli, options, argv, &body);
	}
	if (code != EXIT_DONE)
		return code;
	if (body == NULL) {
		say_error("Nothing was pinned");
		return EXIT_SERVER;
	}
	(void)value_set_bool(cli->arena, body, "add", wanted->add);
	if (!target_post(cli, path_of(cli, options, argv, "/repin"), body,
		    "Pinning", argv[0], &err))
		return cli_fail("Error repinning target", &err);
	return output_secret(cli, cli->answer.json);
}

const struct command cmd_target_repin = {
	.name = "target repin",
	.summary = "Pin other host keys of a target.",
	.usage = "[options] NAME",
	.text = "  Without -host-key it shows what the target has now, and asks. The keys\n"
		"  take the place of those that are pinned.\n\n"
		"    $ sallyport target repin -host-key=SHA256:… web1",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.rows = repin_flags,
	.options_size = sizeof(struct target_options),
	.run = run_repin,
};
