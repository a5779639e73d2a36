/* Roles when they are stored: what all types share, and the order of checks. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_ROLE_CHECK_H
#define SALLYPORT_SERVER_ENGINES_SSH_ROLE_CHECK_H

#include "server/engines/ssh/records/role.h"

/*
 * Check and normalise what a caller wants to store, in the order and with the
 * texts of spec/ssh-engine.md 2.2. Of a dynamic role this is the first half:
 * its key is looked for next (dynamic_role.h). ERR_INPUT, 400.
 */
int ssh_role_check(struct ssh_role *role, struct arena *arena, struct err *err);

#endif
