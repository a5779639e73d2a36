/* Roles of type dynamic: what may be stored (spec/ssh-engine.md 2.2). Pure. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DYNAMIC_ROLE_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DYNAMIC_ROLE_H

#include "server/engines/ssh/records/role.h"

#define EXEC_TIMEOUT_S 30
#define EXEC_TIMEOUT_MAX_S 300

/*
 * The first step, before the key is looked for: a user and, unless targets
 * have their own, the name of a key. ERR_INPUT, 400.
 */
int dynamic_role_check(
	struct ssh_role *role, struct arena *arena, struct err *err);

/*
 * The rest, behind it; what is of other types is dropped. ERR_INPUT, 400.
 */
int dynamic_role_check_rest(
	struct ssh_role *role, struct arena *arena, struct err *err);

/* Size of the RSA keys that are made: never below 2048. */
int64_t dynamic_role_key_bits(const struct ssh_role *role);

/* Whether creds and exec may name this target. */
bool dynamic_role_allows_target(const struct ssh_role *role, const char *name);

/* What ails a stored role, by one line each; told in a fixed order. */
typedef void dynamic_role_tell_fn(void *ctx, const char *warning);
void dynamic_role_warn(
	const struct ssh_role *role, dynamic_role_tell_fn *tell, void *ctx);

#endif
