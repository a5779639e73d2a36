/* The method's entry: its tables, and the renewal of its tokens. */
#include "server/auth/approle/approle.h"

#include <string.h>

#include "server/auth/approle/role.h"
#include "server/auth/auth.h"
#include "server/auth/login.h"

/* The role that a login named in its token; "" where it named none. */
static const char *
role_of(const struct token *token)
{
	for (size_t i = 0; i < token->meta.n; i++) {
		if (strcmp(token->meta.keys[i], "role_name") == 0)
			return token->meta.values[i];
	}
	return "";
}

static int
renew(struct req *req, const struct mount *mount, const struct token *token,
	const struct token_params **ret_params, struct err *err)
{
	const char *name = role_of(token);
	const struct approle_role *role;
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc = record_find(req->server->store, &mount->kv,
		&approle_role_record, name, &ref, &record, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"role \"%.64s\" does not exist, not renewing", name);
	}
	role = record;
	if (rc == 0)
		rc = login_check_renewal(
			req, token, &role->token, ret_params, err);
	compiled_unref(&ref);
	return rc;
}

static const struct op *const tables[] = { approle_role_ops,
	approle_secret_new_ops, approle_secret_id_ops, approle_tidy_ops,
	approle_login_ops, NULL };

static const struct record_type *const records[] = { &approle_role_record,
	NULL };

const struct mount_type approle_mount_type = {
	.name = "approle",
	.description =
		"The approle auth method lets machines log in with a role id, which names the\n"
		"role, and a secret id, which proves it. Secret ids may end after a number of\n"
		"uses or a time, and be bound to addresses; each has an accessor, to look at it\n"
		"and to destroy it by.",
	.is_auth = true,
	.tables = tables,
	.records = records,
	.renew = renew,
};
