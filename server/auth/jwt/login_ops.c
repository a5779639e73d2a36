/* login: a signed token, and who it names, become a token of ours. */
#include <string.h>

#include "lib/jws.h"
#include "server/auth/jwt/claims.h"
#include "server/auth/jwt/jwt.h"
#include "server/auth/keyset.h"
#include "server/auth/login.h"

struct login_in {
	const char *role;
	struct secret_view jwt;
};

/* One login: what it asked for, the records behind it, what came of it. */
struct attempt {
	struct req *req;
	const struct login_in *in;
	const char *role_name;
	struct compiled *config_ref;
	const struct jwt_config *config;
	struct login_record by; /* the role, which the token's write compares */
	const struct jwt_role *role;
	const struct value *claims;
};

static const struct field login_fields[] = {
	FIELD_STR(struct login_in, role, .len_max = 255,
		.doc = "The role; the configured default if left out."),
	FIELD_SECRET(struct login_in, jwt, .len_max = JWS_MAX,
		.doc = "The signed token."),
	FIELD_END,
};

static int
find_config(struct attempt *attempt, struct err *err)
{
	const struct req *req = attempt->req;
	const void *found = NULL;
	int rc = record_find(req->server->store, &req->mount->kv,
		&jwt_config_record, JWT_CONFIG, &attempt->config_ref, &found,
		err);

	attempt->config = found;
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, "could not load configuration");
}

static int
find_role(struct attempt *attempt, struct err *err)
{
	const struct login_in *in = attempt->in;
	const char *name =
		in->role[0] != '\0' ? in->role : attempt->config->default_role;
	int rc;

	if (name[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing role");
	attempt->role_name = arena_strdup(attempt->req->arena, name);
	if (attempt->role_name == NULL)
		return err_set_memory(err);
	rc = login_record_find(attempt->req, &jwt_role_record,
		attempt->role_name, &attempt->by, err);
	attempt->role = attempt->by.record;
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, "role \"%.64s\" could not be found",
		attempt->role_name);
}

static bool
is_supported(const struct jwt_config *config, const struct jws_alg *alg)
{
	const struct str_list *algs = &config->jwt_supported_algs;

	return algs->n == 0 || str_list_has(algs, alg->name);
}

static int
check_signature(
	const struct attempt *attempt, struct jws *ret_jws, struct err *err)
{
	const struct secret_view jwt = attempt->in->jwt;
	struct keyset_source source;
	struct jws jws;
	int rc = jws_parse(
		span_of(jwt.data, jwt.len), attempt->req->arena, &jws, err);

	if (rc != 0)
		return rc;
	if (!is_supported(attempt->config, jws.alg))
		return err_set(err, ERR_INPUT, 400,
			"token signed with unsupported algorithm \"%s\"",
			jws.alg->name);
	jwt_key_source(attempt->config, &source);
	rc = keyset_verify(attempt->req->server, &source, &jws, err);
	if (rc == 0)
		*ret_jws = jws;
	return rc;
}

/* The claims of a token whose signature is good. */
static int
open_token(struct attempt *attempt, struct err *err)
{
	struct err why = { 0 };
	struct jws jws;
	int rc = check_signature(attempt, &jws, &why);

	if (rc != 0 && why.status != 400) {
		*err = why;
		return rc;
	}
	if (rc != 0)
		return err_set(err, rc, 400, "error validating token: %s",
			why.message);
	return claims_parse(jws.payload, attempt->req->arena,
		"error validating token: its claims are not strict JSON",
		&attempt->claims, err);
}

/* The role in front of what the claims say. */
static int
add_role(struct arena *arena, const char *role, const struct str_map *meta,
	struct str_map *ret_meta, struct err *err)
{
	struct str_map all = { .n = meta->n + 1 };

	all.keys = ARENA_ARRAY(arena, const char *, all.n);
	all.values = ARENA_ARRAY(arena, const char *, all.n);
	if (all.keys == NULL || all.values == NULL)
		return err_set_memory(err);
	all.keys[0] = "role";
	all.values[0] = role;
	memcpy(all.keys + 1, meta->keys, meta->n * sizeof(*all.keys));
	memcpy(all.values + 1, meta->values, meta->n * sizeof(*all.values));
	*ret_meta = all;
	return 0;
}

static int
grant(struct attempt *attempt, struct err *err)
{
	struct req *req = attempt->req;
	struct claims_identity identity;
	struct login login = { .by = &attempt->by,
		.params = &attempt->role->token };
	int rc = claims_identity(
		attempt->role, attempt->claims, req->arena, &identity, err);

	if (rc == 0)
		rc = add_role(req->arena, attempt->role_name, &identity.meta,
			&login.meta, err);
	if (rc != 0)
		return rc;
	login.display_name = login_display_name(req, identity.user);
	login.alias = identity.user;
	login.alias_meta = identity.meta;
	login.groups = identity.groups;
	return login.display_name == NULL ? err_set_memory(err)
					  : login_grant(req, &login, err);
}

/* Who must have made the token; "": anyone who has the keys. */
static const char *
issuer_of(const struct jwt_config *config)
{
	return config->bound_issuer[0] != '\0' ? config->bound_issuer
					       : config->oidc_discovery_url;
}

static int
try_login(struct attempt *attempt, struct err *err)
{
	const struct req *req = attempt->req;
	int rc = find_config(attempt, err);

	if (rc == 0)
		rc = find_role(attempt, err);
	if (rc != 0)
		return rc;
	if (attempt->in->jwt.len == 0)
		return err_set(err, ERR_INPUT, 400, "missing token");
	rc = login_check_address(req, &attempt->role->token, err);
	if (rc == 0)
		rc = open_token(attempt, err);
	if (rc == 0)
		rc = claims_check(attempt->role, issuer_of(attempt->config),
			attempt->claims, req_now_s(req), err);
	return rc != 0 ? rc : grant(attempt, err);
}

static int
login_jwt(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct attempt *attempt = ARENA_NEW(req->arena, struct attempt);
	int rc;

	if (attempt == NULL)
		return err_set_memory(err);
	attempt->req = req;
	attempt->in = req->in;
	rc = try_login(attempt, err);
	compiled_unref(&attempt->config_ref);
	return rc;
}

const struct op jwt_login_ops[] = {
	{
		.path = "login",
		.verb = OP_UPDATE,
		.flags = LOGIN_FLAGS,
		.in_size = sizeof(struct login_in),
		.fields = login_fields,
		.handler = login_jwt,
		.summary = "Log in with a signed token.",
		.text = "The token is a JSON Web Token signed by a key of the configured issuer,\n"
			"whose claims fit the role.",
		.errors = { { 400, "nothing is configured, an unknown role, or a token that does not fit" },
			{ 403, "not from this address" },
			{ 502, "the issuer's keys could not be fetched" } },
	},
	OP_END,
};
