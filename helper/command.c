/* The table of commands; each stands in the file that it is named after. */
#include "helper/command.h"

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
	&cmd_enrol,
	&cmd_renew,
	&cmd_principals,
	&cmd_status,
	&cmd_doctor,
};

const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

void
command_print_all(void)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		printf("  %-15s %s\n", commands[i]->name, commands[i]->summary);
}
