/* The method's entry: its tables, and the renewal of its tokens. */
#include "server/auth/sshkey/sshkey.h"

#include "server/auth/auth.h"
#include "server/auth/login.h"

static int
renew(struct req *req, const struct mount *mount, const struct token *token,
	const struct token_params **ret_params, struct err *err)
{
	static const struct login_renewal by = {
		.meta = "role",
		.type = &sshkey_role_record,
		.params = offsetof(struct sshkey_role, token),
		.gone = "role no longer exists, not renewing",
	};

	return login_renew(req, mount, token, &by, ret_params, err);
}

static const struct op *const tables[] = { sshkey_role_ops,
	sshkey_challenge_ops, sshkey_login_ops, NULL };

const struct mount_type sshkey_mount_type = {
	.name = "ssh",
	.description =
		"The ssh auth method lets people and machines log in with the SSH keys that\n"
		"they have: the server gives a challenge, a key or an agent signs it, and a\n"
		"role says which keys, or which CA's certificates, get a token.",
	.is_auth = true,
	.tables = tables,
	.renew = renew,
};
