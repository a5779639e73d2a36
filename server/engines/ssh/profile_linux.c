/* Machines with authorized_keys, over SSH as root or with sudo. */
#include "server/engines/ssh/profile_step.h"

const struct profile profile_linux = {
	.name = "linux",
	.doc = "A machine with sshd and a POSIX shell: authorized_keys of the user, as root or by sudo.",
	.knows_expiry = true,
};
