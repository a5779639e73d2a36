/* What hosts put into TrustedUserCAKeys. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_TRUSTED_KEYS_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_TRUSTED_KEYS_H

#include "server/api/req.h"

/*
 * The default issuer's key, then those that are coming and going, a line each,
 * into the request's arena. ERR_INPUT (404): there is no default issuer.
 */
int ssh_trusted_keys(struct req *req, struct span *ret_text, struct err *err);

#endif
