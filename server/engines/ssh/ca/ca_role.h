/* Roles of type ca: what may be stored, and what is odd about it. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_CA_ROLE_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_CA_ROLE_H

#include "server/engines/ssh/records/role.h"

#define CA_ROLE_NOT_BEFORE_S 30

/*
 * The checks of spec/ssh-engine.md 2.2 for this type; sizes of keys become
 * lists of numbers, what is of an otp role is dropped. ERR_INPUT, 400.
 */
int ca_role_check(struct ssh_role *role, struct arena *arena, struct err *err);

/*
 * What an operator should know of a stored role: tell is called with each
 * warning (spec/README.md: shown by the role's read).
 */
typedef void ca_role_tell_fn(void *ctx, const char *warning);
void ca_role_warn(
	const struct ssh_role *role, ca_role_tell_fn *tell, void *ctx);

#endif
