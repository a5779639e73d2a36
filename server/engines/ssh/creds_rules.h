/*
 * Which user on which host: the rules that creds and exec both ask of a role
 * (spec/ssh-engine.md 5.1), in their order, before those of their own.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CREDS_RULES_H
#define SALLYPORT_SERVER_ENGINES_SSH_CREDS_RULES_H

#include "lib/netaddr.h"
#include "server/api/explain.h"
#include "server/engines/ssh/records/role.h"

/* What was sent, and what the rules make of it. */
struct creds_place {
	const char *ip, *target, *username; /* as sent; "" */
	const char *user;                   /* in the arena; NULL: not yet */
	char address[NETADDR_TEXT_MAX];     /* canonical; "": by target */
};

/* *ret_n: so many held, from the first on. ERR_INPUT where the next did not. */
int creds_rules_ask(struct req *req, const struct ssh_role *role,
	struct creds_place *place, size_t *ret_n, struct err *err);
void creds_rules_explain(struct reply *reply, struct explanation *explanation);

/* username and ip, as far as the rules came. */
void creds_place_show(struct reply *reply, const struct creds_place *place);

typedef int creds_role_fn(struct req *req, const struct ssh_role *role,
	struct reply *reply, struct err *err);

/*
 * Call fn with the role of the path, which is held as long. ERR_INPUT, 400:
 * no host is named, or there is no such role.
 */
int creds_under_role(struct req *req, bool is_placed, creds_role_fn *fn,
	struct reply *reply, struct err *err);

#endif
