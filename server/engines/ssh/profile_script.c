/* Machines where the role's own install_script adds and removes keys. */
#include "server/engines/ssh/profile_step.h"

const struct profile profile_script = {
	.name = "script",
	.doc = "The role's install_script, run as the admin user with three arguments.",
	.needs_script = true,
};
