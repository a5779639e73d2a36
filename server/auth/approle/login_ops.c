/* login: a role id and a secret id for a token. */
#include <string.h>

#include "lib/cidr_list.h"
#include "server/api/lockout.h"
#include "server/auth/approle/approle.h"
#include "server/auth/approle/secret_id.h"
#include "server/auth/login.h"

struct login_in {
	const char *role_id;
	struct secret_view secret_id;
};

static const struct field login_fields[] = {
	FIELD_STR(struct login_in, role_id, .flags = FIELD_REQUIRED,
		.len_max = 1024, .doc = "The role's role id."),
	FIELD_SECRET(struct login_in, secret_id, .len_max = 1024,
		.doc = "A secret id of the role; needed unless it binds none."),
	FIELD_END,
};

/* A login on its way, in the request's arena. */
struct attempt {
	struct req *req;
	const char *name; /* of the role */
	struct login_record by;
	const struct approle_role *role;
	struct approle_secrets secrets;
	struct approle_secret_id secret; /* found; zeros where none is needed */
	struct token_params params;
};

static int
refuse(struct err *err)
{
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, APPROLE_REFUSED);
}

/* ERR_ABSENT: no such role. */
static int
find_role(struct attempt *attempt, struct err *err)
{
	struct req *req = attempt->req;
	const struct login_in *in = req->in;
	int rc = approle_role_by_id(req, in->role_id, &attempt->name, err);

	if (rc == 0)
		rc = login_record_find(req, &approle_role_record, attempt->name,
			&attempt->by, err);
	if (rc != 0)
		return rc;
	attempt->role = attempt->by.record;
	/* Between the two reads it may have been given to another role. */
	return strcmp(attempt->role->role_id, in->role_id) == 0 ? 0
								: ERR_ABSENT;
}

static int
read_secret(struct store_tx *tx, void *ctx, struct err *err)
{
	struct attempt *attempt = ctx;
	const struct login_in *in = attempt->req->in;

	return approle_secret_by_text(
		tx, &attempt->secrets, in->secret_id, &attempt->secret, err);
}

/*
 * A text that we never gave out for the role is a guess, and counted; one that
 * is spent or expired is no guess, and locks nobody out.
 */
static int
find_secret(struct attempt *attempt, struct err *err)
{
	struct req *req = attempt->req;
	const struct login_in *in = req->in;
	int rc = lockout_check(req, in->role_id, err);

	if (rc == 0)
		rc = approle_secrets_of(
			req, attempt->role, &attempt->secrets, err);
	if (rc == 0)
		rc = req_read(req, read_secret, attempt, err);
	if (rc == 0)
		lockout_passed(req, in->role_id);
	if (rc != ERR_ABSENT)
		return rc;
	if (!approle_secret_was_ours(&attempt->secrets, in->secret_id))
		lockout_failed(req, in->role_id);
	return refuse(err);
}

static int
check_addresses(const struct attempt *attempt, struct err *err)
{
	const struct netaddr *peer = &attempt->req->peer;

	if (!cidr_list_allows(&attempt->secret.cidr_list, peer))
		return err_set(err, ERR_INPUT, 400,
			"source address unauthorized by CIDR restrictions on the secret ID");
	if (!cidr_list_allows(&attempt->role->secret_id_bound_cidrs, peer))
		return err_set(err, ERR_INPUT, 400,
			"source address unauthorized by CIDR restrictions on the role");
	return 0;
}

static int
use_secret(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct attempt *attempt = ctx;
	int rc = approle_secret_use(
		tx, &attempt->secrets, &attempt->secret, err);

	return rc == ERR_ABSENT ? refuse(err) : rc;
}

/* role_name, then what the secret id says but for a role_name of its own. */
static int
fill_meta(const struct attempt *attempt, struct str_map *meta, struct err *err)
{
	const struct str_map *more = &attempt->secret.metadata;
	struct arena *arena = attempt->req->arena;

	meta->keys = ARENA_ARRAY(arena, const char *, more->n + 1);
	meta->values = ARENA_ARRAY(arena, const char *, more->n + 1);
	if (meta->keys == NULL || meta->values == NULL)
		return err_set_memory(err);
	meta->keys[0] = "role_name";
	meta->values[0] = attempt->name;
	meta->n = 1;
	for (size_t i = 0; i < more->n; i++) {
		if (strcmp(more->keys[i], meta->keys[0]) == 0)
			continue;
		meta->keys[meta->n] = more->keys[i];
		meta->values[meta->n++] = more->values[i];
	}
	return 0;
}

static int
grant(struct attempt *attempt, struct err *err)
{
	struct req *req = attempt->req;
	struct login login = { .by = &attempt->by,
		.params = &attempt->params,
		.display_name = login_display_name(req, ""),
		.alias = attempt->role->role_id };
	int rc = fill_meta(attempt, &login.meta, err);

	if (rc != 0)
		return rc;
	if (login.display_name == NULL)
		return err_set_memory(err);
	attempt->params = attempt->role->token;
	/* The role may have been narrowed since the secret id was made. */
	rc = cidr_list_narrow(&attempt->role->token.bound_cidrs,
		&attempt->secret.token_bound_cidrs, req->arena,
		&attempt->params.bound_cidrs, err);
	if (rc != 0)
		return rc;
	if (attempt->role->bind_secret_id) {
		login.claim = use_secret;
		login.claim_ctx = attempt;
	}
	return login_grant(req, &login, err);
}

static int
log_in(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	const struct login_in *in = req->in;
	struct attempt *attempt = ARENA_NEW(req->arena, struct attempt);
	int rc;

	if (attempt == NULL)
		return err_set_memory(err);
	attempt->req = req;
	rc = find_role(attempt, err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (in->secret_id.len == 0 &&
		(rc == ERR_ABSENT || attempt->role->bind_secret_id)) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "missing secret_id");
	}
	if (rc == ERR_ABSENT)
		return refuse(err);
	if (attempt->role->bind_secret_id)
		rc = find_secret(attempt, err);
	if (rc == 0)
		rc = check_addresses(attempt, err);
	return rc != 0 ? rc : grant(attempt, err);
}

const struct op approle_login_ops[] = {
	{
		.path = "login",
		.verb = OP_UPDATE,
		.flags = LOGIN_FLAGS | OP_SMALL_BODY,
		.in_size = sizeof(struct login_in),
		.fields = login_fields,
		.handler = log_in,
		.summary = "Log in with a role id and a secret id.",
		.text = "A use of the secret id is taken with the token, in one transaction; the last\n"
			"use deletes it.",
		.errors = { { 400, "no such role or secret id, or not from this address" },
			{ 403, "refused for a while, or not from this address" } },
	},
	OP_END,
};
