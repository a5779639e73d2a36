/* The method's entry: its tables, and what its tokens may renew by. */
#include "server/auth/kubernetes/kubernetes.h"

#include "server/auth/auth.h"
#include "server/auth/login.h"

/* The token in hand is proof enough. */
static int
renew_kubernetes(struct req *req, const struct mount *mount,
	const struct token *token, const struct token_params **ret_params,
	struct err *err)
{
	static const struct login_renewal by = {
		.meta = "role",
		.type = &kubernetes_role_record,
		.params = offsetof(struct kubernetes_role, token),
		.gone = "role ",
		.gone_end = " does not exist during renewal",
	};

	return login_renew(req, mount, token, &by, ret_params, err);
}

static const struct op *const kubernetes_tables[] = { kubernetes_config_ops,
	kubernetes_role_ops, kubernetes_login_ops, NULL };

const struct mount_type kubernetes_mount_type = {
	.name = "kubernetes",
	.description =
		"The kubernetes auth method logs in pods by the token of their service\n"
		"account. The cluster's API is asked whether a token is good; a role says which\n"
		"accounts log in.",
	.is_auth = true,
	.tables = kubernetes_tables,
	.renew = renew_kubernetes,
};
