/* The CA that signs the keys of hosts, as known_hosts names it. */
#ifndef SALLYPORT_CLIENT_HOST_AUTHORITY_H
#define SALLYPORT_CLIENT_HOST_AUTHORITY_H

#include "client/cli.h"

/*
 * A line "@cert-authority <patterns> <key> <comment>" for each key of the mount
 * that hosts may be signed with: there are two while a CA changes. In the
 * arena. comment: "", or one word that tells our lines from others. EXIT_DONE,
 * or EXIT_SERVER after words on standard error.
 */
int host_authority_lines(struct cli *cli, const char *mount_point,
	const char *patterns, const char *comment, const char **ret_lines);

#endif
