/* The table that status and operator unseal print. */
#ifndef SALLYPORT_CLIENT_STATUS_TABLE_H
#define SALLYPORT_CLIENT_STATUS_TABLE_H

#include "client/cli.h"

/* A seal-status object; 0 unsealed, 2 sealed, EXIT_USAGE after words: none. */
int status_print(struct cli *cli, const struct value *answer);

#endif
