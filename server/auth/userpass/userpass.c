/* The method's entry: its tables, and the renewal of its tokens. */
#include "server/auth/userpass/userpass.h"

#include <string.h>

#include "server/auth/auth.h"
#include "server/auth/login.h"

/* The user that a login named in its token; "" where it named none. */
static const char *
user_of(const struct token *token)
{
	for (size_t i = 0; i < token->meta.n; i++) {
		if (strcmp(token->meta.keys[i], "username") == 0)
			return token->meta.values[i];
	}
	return "";
}

static int
renew(struct req *req, const struct mount *mount, const struct token *token,
	const struct token_params **ret_params, struct err *err)
{
	const struct userpass_user *user;
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc = record_find(req->server->store, &mount->kv,
		&userpass_user_record, user_of(token), &ref, &record, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"user no longer exists, not renewing");
	}
	user = record;
	if (rc == 0)
		rc = login_check_renewal(
			req, token, &user->token, ret_params, err);
	compiled_unref(&ref);
	return rc;
}

static const struct op *const tables[] = { userpass_user_ops,
	userpass_login_ops, NULL };

static const struct record_type *const records[] = { &userpass_user_record,
	NULL };

const struct mount_type userpass_mount_type = {
	.name = "userpass",
	.description =
		"The userpass auth method lets people log in with a name and a password. Names\n"
		"are in lower case; of a password its argon2id hash is kept. After five failed\n"
		"logins a name is refused for fifteen minutes, whether it exists or not.",
	.is_auth = true,
	.tables = tables,
	.records = records,
	.renew = renew,
};
