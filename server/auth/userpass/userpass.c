/* The method's entry: its tables, and the renewal of its tokens. */
#include "server/auth/userpass/userpass.h"

#include "server/auth/auth.h"
#include "server/auth/login.h"

static int
renew(struct req *req, const struct mount *mount, const struct token *token,
	const struct token_params **ret_params, struct err *err)
{
	static const struct login_renewal by = {
		.meta = "username",
		.type = &userpass_user_record,
		.params = offsetof(struct userpass_user, token),
		.gone = "user no longer exists, not renewing",
	};

	return login_renew(req, mount, token, &by, ret_params, err);
}

static const struct op *const tables[] = { userpass_user_ops,
	userpass_login_ops, NULL };

const struct mount_type userpass_mount_type = {
	.name = "userpass",
	.description =
		"The userpass auth method lets people log in with a name and a password. Names\n"
		"are in lower case; of a password its argon2id hash is kept. After five failed\n"
		"logins a name is refused for fifteen minutes, whether it exists or not.",
	.is_auth = true,
	.tables = tables,
	.renew = renew,
};
