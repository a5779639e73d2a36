/* The method's entry: its tables, and the renewal of its tokens. */
#include "server/auth/approle/approle.h"

#include "server/auth/approle/role.h"
#include "server/auth/auth.h"
#include "server/auth/login.h"

static int
renew(struct req *req, const struct mount *mount, const struct token *token,
	const struct token_params **ret_params, struct err *err)
{
	static const struct login_renewal by = {
		.meta = "role_name",
		.type = &approle_role_record,
		.params = offsetof(struct approle_role, token),
		.gone = "role \"",
		.gone_end = "\" does not exist, not renewing",
	};

	return login_renew(req, mount, token, &by, ret_params, err);
}

static const struct op *const tables[] = { approle_role_ops,
	approle_secret_new_ops, approle_secret_id_ops, approle_tidy_ops,
	approle_login_ops, NULL };

const struct mount_type approle_mount_type = {
	.name = "approle",
	.description =
		"The approle auth method lets machines log in with a role id, which names the\n"
		"role, and a secret id, which proves it. Secret ids may end after a number of\n"
		"uses or a time, and be bound to addresses; each has an accessor, to look at it\n"
		"and to destroy it by.",
	.is_auth = true,
	.tables = tables,
	.renew = renew,
};
