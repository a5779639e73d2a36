/* Machines of which nothing is known but that people can log in to them. */
#include "server/engines/ssh/profiles/profile_step.h"

const struct profile profile_generic = {
	.name = "generic",
	.doc = "Any other system: people put the key on, as its own manual says. Not for dynamic roles.",
	.instructions =
		"The public key goes to where the system's own manual says that public keys of its users go: a field of its user\n"
		"database, a command of its configuration, a file. Then sallyport target add --method=manual checks the login.\n"
		"Where a command or script can add and remove a key, give the role an install_script: profile script.\n",
};
