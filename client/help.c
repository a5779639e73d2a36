/* Printers of the command table. */
#include "client/help.h"

#include <stdio.h>
#include <string.h>

#include "client/say.h"

#define COMMAND_WIDTH 20
#define FLAG_WIDTH 28
#define HELP_MAX 4096

static void
print_row(const struct command *command)
{
	fprintf(stderr, "    %-*s ", COMMAND_WIDTH, command->name);
	say_beside(stderr, command->summary, COMMAND_WIDTH + 5);
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
print_flag(const struct flag *row)
{
	struct buf text;

	buf_init(&text, HELP_MAX);
	(void)buf_add_str(&text, row->help);
	if (row->initial != NULL && row->initial[0] != '\0')
		(void)buf_addf(&text, " Default: %s.", row->initial);
	if (row->env != NULL)
		(void)buf_addf(&text, " Also SALLYPORT_%s, VAULT_%s.", row->env,
			row->env);
	fprintf(stderr, "  -%-*s ", FLAG_WIDTH, row->name);
	say_beside(stderr, buf_str(&text), FLAG_WIDTH + 4);
	buf_clear(&text);
}

static void
print_flags(const char *title, const struct flag *rows)
{
	if (rows == NULL || rows->name == NULL)
		return;
	fprintf(stderr, "\n%s:\n\n", title);
	for (const struct flag *row = rows; row->name != NULL; row++)
		print_flag(row);
}

void
help_print_command(const struct command *command)
{
	fprintf(stderr, "Usage: sallyport %s %s\n\n  ", command->name,
		command->usage);
	say_beside(stderr, command->summary, 2);
	fputc('\n', stderr);
	fprintf(stderr, "%s\n", command->text);
	print_flags("Options", command->rows);
	if ((command->flags & COMMAND_RAW_ARGS) != 0)
		return;
	if ((command->flags & COMMAND_FORMAT) != 0)
		fprintf(stderr,
			"\nOutput:\n\n  -%-*s table, json, yaml or raw.\n%*sAlso SALLYPORT_FORMAT, VAULT_FORMAT.\n",
			FLAG_WIDTH, "format", FLAG_WIDTH + 4, "");
	if ((command->flags & COMMAND_FIELD) != 0)
		fprintf(stderr, "  -%-*s Print this field alone.\n", FLAG_WIDTH,
			"field");
	print_flags("Connection", global_flags);
}
