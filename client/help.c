/* Printers of the command table. */
#include "client/help.h"

#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 24

static void
print_row(const struct command *command)
{
	fprintf(stderr, "    %-*s %s\n", NAME_WIDTH, command->name,
		command->summary);
}

void
help_print_all(void)
{
	fprintf(stderr,
		"Usage: sallyport <command> [options] [args]\n\nCommands:\n\n");
	for (size_t i = 0; commands[i] != NULL; i++)
		print_row(commands[i]);
	fprintf(stderr, "\nsallyport <command> -help tells more.\n");
}

static bool
is_in_group(const struct command *command, const char *group)
{
	const size_t len = strlen(group);

	return strncmp(command->name, group, len) == 0 &&
		command->name[len] == ' ';
}

bool
help_print_group(const char *group)
{
	bool found = false;

	for (size_t i = 0; commands[i] != NULL; i++) {
		if (!is_in_group(commands[i], group))
			continue;
		if (!found)
			fprintf(stderr,
				"Usage: sallyport %s <subcommand> [options] [args]\n\nSubcommands:\n\n",
				group);
		found = true;
		print_row(commands[i]);
	}
	return found;
}

static void
print_flags(const char *title, const struct flag *rows)
{
	if (rows == NULL || rows->name == NULL)
		return;
	fprintf(stderr, "\n%s:\n\n", title);
	for (const struct flag *row = rows; row->name != NULL; row++) {
		fprintf(stderr, "  -%-*s %s", NAME_WIDTH, row->name, row->help);
		if (row->initial != NULL && row->initial[0] != '\0')
			fprintf(stderr, " Default: %s.", row->initial);
		if (row->env != NULL)
			fprintf(stderr, " Also SALLYPORT_%s, VAULT_%s.",
				row->env, row->env);
		fputc('\n', stderr);
	}
}

void
help_print_command(const struct command *command)
{
	fprintf(stderr, "Usage: sallyport %s %s\n\n  %s\n\n", command->name,
		command->usage, command->summary);
	fprintf(stderr, "%s\n", command->text);
	print_flags("Options", command->rows);
	if ((command->flags & COMMAND_RAW_ARGS) != 0)
		return;
	if ((command->flags & COMMAND_FORMAT) != 0)
		fprintf(stderr,
			"\nOutput:\n\n  -%-*s table, json, yaml or raw. Also SALLYPORT_FORMAT, VAULT_FORMAT.\n",
			NAME_WIDTH, "format");
	if ((command->flags & COMMAND_FIELD) != 0)
		fprintf(stderr, "  -%-*s Print this field alone.\n", NAME_WIDTH,
			"field");
	print_flags("Connection", global_flags);
}
