/* The token store's entry: its tables in the order that help shows them. */
#include "server/auth/auth.h"
#include "server/auth/token/role.h"
#include "server/auth/token/tables.h"

static const struct op *const token_tables[] = { token_create_ops,
	token_lookup_ops, token_renew_ops, token_revoke_ops, token_accessor_ops,
	token_role_ops, NULL };

const struct mount_type token_mount_type = {
	.name = "token",
	.description =
		"The token store: what a caller shows with each request, what it may do and\n"
		"until when. A token's children and leases die with it.",
	.is_auth = true,
	.builtin = true,
	.tables = token_tables,
	.renew = token_role_renew,
};
