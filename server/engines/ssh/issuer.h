/*
 * Issuers: the CA keys of a mount, by id and name, one of them the default
 * (spec/ssh-engine.md 10). Public halves in clear, private ones as the keeper
 * sealed them.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_ISSUER_H
#define SALLYPORT_SERVER_ENGINES_SSH_ISSUER_H

#include "server/api/req.h"

struct ssh_issuer {
	const char *id;         /* UUID text */
	const char *name;       /* "" where it has none */
	const char *public_key; /* as callers see it, with its newline */
	struct span public_blob;
	struct span sealed; /* for keeper_ca_sign */
	int64_t created_s;
	int64_t retire_after_s; /* not shown in public_key then; 0: stays */
};

/*
 * The issuer of a reference: "default" in any case, an id, or a name; in the
 * request's arena. ERR_INPUT (400): "no default issuer currently configured",
 * "unable to find issuer for reference: x".
 */
int ssh_issuer_find(struct req *req, const char *ref,
	struct ssh_issuer *ret_issuer, struct err *err);

#endif
