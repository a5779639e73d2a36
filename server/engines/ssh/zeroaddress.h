/* The list of roles that are good for any address (spec/ssh-engine.md 4). */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_ZEROADDRESS_H
#define SALLYPORT_SERVER_ENGINES_SSH_ZEROADDRESS_H

#include "server/api/req.h"

/* A copy of the list into arena; empty where none is set. */
int zeroaddress_roles(
	const struct req *req, struct str_list *ret_roles, struct err *err);

/* In a role's delete: take every occurrence of it off the list. */
int zeroaddress_forget_role(struct store_tx *tx, struct req *req,
	const char *role, struct err *err);

#endif
