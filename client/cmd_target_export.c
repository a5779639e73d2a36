/* target export: a script that makes a device ready for its target. */
#include "client/commands.h"
#include "client/output.h"
#include "client/target_call.h"

struct export_options {
	const char *mount_point, *format;
};

static const struct flag export_flags[] = {
	TARGET_MOUNT_FLAG(struct export_options),
	TEXT_FLAG(struct export_options, format, "format", .initial = "rsc",
		.help = "rsc, for FlashFig and first starts, or alter, for an ACS."),
	FLAG_END,
};

static int
run_export(struct cli *cli, void *options, int argc, char **argv)
{
	const struct export_options *wanted = options;
	struct value *query = value_object(cli->arena);
	struct err err = { 0 };

	(void)argc;
	(void)value_set_str(cli->arena, query, "format", wanted->format);
	if (!cli_call_query(cli, "GET",
		    target_path(cli, wanted->mount_point, argv[0], "/export"),
		    query, &err))
		return cli_fail("Error exporting target", &err);
	printf("%s",
		value_find_str(
			value_find(cli->answer.json, "data"), "text", ""));
	return EXIT_DONE;
}

const struct command cmd_target_export = {
	.name = "target export",
	.summary =
		"Print a script that makes a RouterOS device ready for a target.",
	.usage = "[options] NAME",
	.text = "  The target needs a user and a key of its own. Whoever has the script has no\n"
		"  key: only its public half is in it.\n\n"
		"    $ sallyport target export -format=rsc core-1 > core-1.rsc",
	.args_min = 1,
	.args_max = 1,
	.rows = export_flags,
	.options_size = sizeof(struct export_options),
	.run = run_export,
};
