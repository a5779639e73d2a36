/* The method's entry: its tables, and the renewal of its tokens. */
#include "server/auth/sshkey/sshkey.h"

#include <string.h>

#include "server/auth/auth.h"
#include "server/auth/login.h"
#include "server/core/seal.h"

const char *
sshkey_namespace(struct req *req)
{
	struct seal_status status;

	seal_get_status(req->server->seal, &status);
	return arena_printf(
		req->arena, "sallyport-login@%s", status.cluster_id);
}

/* The role that a login named in its token; "" where it named none. */
static const char *
role_of(const struct token *token)
{
	for (size_t i = 0; i < token->meta.n; i++) {
		if (strcmp(token->meta.keys[i], "role") == 0)
			return token->meta.values[i];
	}
	return "";
}

static int
renew(struct req *req, const struct mount *mount, const struct token *token,
	const struct token_params **ret_params, struct err *err)
{
	const struct sshkey_role *role = NULL;
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc = record_find(req->server->store, &mount->kv,
		&sshkey_role_record, role_of(token), &ref, &record, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"role no longer exists, not renewing");
	}
	role = record;
	if (rc == 0)
		rc = login_check_renewal(
			req, token, &role->token, ret_params, err);
	compiled_unref(&ref);
	return rc;
}

static const struct op *const tables[] = { sshkey_role_ops,
	sshkey_challenge_ops, sshkey_login_ops, NULL };

static const struct record_type *const records[] = { &sshkey_role_record,
	NULL };

const struct mount_type sshkey_mount_type = {
	.name = "ssh",
	.description =
		"The ssh auth method lets people and machines log in with the SSH keys that\n"
		"they have: the server gives a challenge, a key or an agent signs it, and a\n"
		"role says which keys, or which CA's certificates, get a token.",
	.is_auth = true,
	.tables = tables,
	.records = records,
	.renew = renew,
};
