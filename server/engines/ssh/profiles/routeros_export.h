/*
 * What makes a RouterOS device ready for its target: an admin user of ours
 * with the target's key, and strong-crypto. As .rsc for FlashFig, Netinstall
 * and run-after-reset, as .alter for an ACS (TR-069), which may send it again.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_ROUTEROS_EXPORT_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_ROUTEROS_EXPORT_H

#include "lib/arena.h"

#define ROUTEROS_EXPORT_MAX 4000 /* bytes that FlashFig takes */

struct routeros_export {
	const char *target; /* name */
	const char *user, *password;
	const char *public_key; /* "type base64" */
	bool is_alter;
};

/* Into arena. ERR_INPUT, 400, where it is longer than ROUTEROS_EXPORT_MAX. */
int routeros_export_format(const struct routeros_export *export,
	struct arena *arena, const char **ret_text, struct err *err);

#endif
