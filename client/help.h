/* Help texts, from the rows of the commands. */
#ifndef SALLYPORT_CLIENT_HELP_H
#define SALLYPORT_CLIENT_HELP_H

#include "client/command.h"

/* On standard error, as the peer does. */
void help_print_all(void);
void help_print_command(const struct command *command);

/* The commands of a group ("token"); false where there is no such group. */
bool help_print_group(const char *group);

#endif
