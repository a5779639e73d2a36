/* The method's entry: its tables, and what its tokens may renew by. */
#include "server/auth/jwt/jwt.h"

#include "server/auth/auth.h"
#include "server/auth/keyset.h"
#include "server/auth/login.h"

void
jwt_key_source(
	const struct jwt_config *config, struct keyset_source *ret_source)
{
	const bool discovers = config->oidc_discovery_url[0] != '\0';

	*ret_source = (struct keyset_source){
		.texts = &config->jwt_validation_pubkeys,
		.jwks_url = config->jwks_url,
		.issuer = config->oidc_discovery_url,
		.ca_pem = discovers ? config->oidc_discovery_ca_pem
				    : config->jwks_ca_pem,
	};
}

/* The token in hand is proof enough. */
static int
renew_jwt(struct req *req, const struct mount *mount, const struct token *token,
	const struct token_params **ret_params, struct err *err)
{
	static const struct login_renewal by = {
		.meta = "role",
		.type = &jwt_role_record,
		.params = offsetof(struct jwt_role, token),
		.gone = "role ",
		.gone_end = " does not exist during renewal",
	};

	return login_renew(req, mount, token, &by, ret_params, err);
}

static const struct op *const jwt_tables[] = { jwt_config_ops, jwt_role_ops,
	jwt_login_ops, NULL };

const struct mount_type jwt_mount_type = {
	.name = "jwt",
	.description =
		"The jwt auth method logs in whoever holds a JSON Web Token that a trusted\n"
		"issuer signed, such as a job of a CI pipeline. The configuration says whose\n"
		"keys are trusted; a role says which claims log in, and with which policies.",
	.is_auth = true,
	.tables = jwt_tables,
	.renew = renew_jwt,
};
