/* config: whose tokens are good, and how their signatures are checked. */
#include "lib/jwks.h"
#include "server/auth/jwt/jwt.h"
#include "server/auth/keyset.h"

#define KEYS_LEN_MAX ((size_t)128 * 1024)
#define URL_LEN_MAX 2048
#define CA_LEN_MAX ((size_t)64 * 1024)

static const struct field config_fields[] = {
	FIELD_NAMES(struct jwt_config, jwt_validation_pubkeys,
		.len_max = KEYS_LEN_MAX,
		.doc = "Public keys as PEM text, or JSON Web Key Sets as text."),
	FIELD_STR(struct jwt_config, jwks_url, .len_max = URL_LEN_MAX,
		.doc = "Where the issuer's JSON Web Key Set is."),
	FIELD_STR(struct jwt_config, jwks_ca_pem, .len_max = CA_LEN_MAX,
		.doc = "Roots to check that server by; none: the system's."),
	FIELD_STR(struct jwt_config, oidc_discovery_url, .len_max = URL_LEN_MAX,
		.doc = "The issuer, whose discovery document names its key set."),
	FIELD_STR(struct jwt_config, oidc_discovery_ca_pem,
		.len_max = CA_LEN_MAX,
		.doc = "Roots to check that server by; none: the system's."),
	FIELD_STR(struct jwt_config, oidc_client_id, .len_max = 255,
		.doc = "Must be empty: there is no login with a browser."),
	FIELD_STR(struct jwt_config, bound_issuer, .len_max = URL_LEN_MAX,
		.doc = "The iss claim that tokens must have; none: any."),
	FIELD_LIST(struct jwt_config, jwt_supported_algs, .len_max = 255,
		.doc = "Signature algorithms that are taken; none: all that there are."),
	FIELD_STR(struct jwt_config, default_role, .len_max = 255,
		.doc = "Role of logins that name none."),
	FIELD_END,
};

static int
check_algs(const struct str_list *algs, struct err *err)
{
	for (size_t i = 0; i < algs->n; i++) {
		if (jws_alg_find(algs->items[i]) == NULL)
			return err_set(err, ERR_INPUT, 400,
				"Invalid supported algorithm: %.64s",
				algs->items[i]);
	}
	return 0;
}

static int
check_config(
	struct req *req, UNUSED const char *name, void *record, struct err *err)
{
	const struct jwt_config *config = record;
	const int sources = (config->jwt_validation_pubkeys.n > 0) +
		(config->jwks_url[0] != '\0') +
		(config->oidc_discovery_url[0] != '\0');
	struct keyset_source source;
	struct err why = { 0 };
	int rc;

	if (sources != 1)
		return err_set(err, ERR_INPUT, 400,
			"exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be set");
	if (config->oidc_client_id[0] != '\0')
		return err_set(err, ERR_INPUT, 400,
			"'oidc_client_id' is for logins with a browser, which are not supported");
	rc = check_algs(&config->jwt_supported_algs, err);
	if (rc != 0)
		return rc;
	jwt_key_source(config, &source);
	rc = keyset_check(req->server, &source, &why);
	if (rc == 0 || !keyset_is_remote(&source) || rc == ERR_MEMORY) {
		*err = why;
		return rc;
	}
	return err_set(err, rc, 400, "error checking %s: %s",
		source.jwks_url[0] != '\0' ? "jwks URL" : "oidc discovery URL",
		why.message);
}

const struct record_type jwt_config_record = {
	.prefix = "",
	.only = JWT_CONFIG,
	.fields = config_fields,
	.size = sizeof(struct jwt_config),
	.check = check_config,
};

const struct op jwt_config_ops[] = {
	{
		.path = "config",
		.verb = OP_READ,
		.handler = record_read,
		.record = &jwt_config_record,
		.summary = "Read where the keys are from.",
		.errors = { { 404, "none is set" } },
	},
	{
		.path = "config",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.handler = record_write,
		.record = &jwt_config_record,
		.summary = "Replace where the keys are from.",
		.text = "Exactly one of jwt_validation_pubkeys, jwks_url and oidc_discovery_url is\n"
			"given; keys behind an address are fetched before the answer.",
		.errors = { { 400,
			"none or several were given, or the keys cannot be used" } },
	},
	OP_END,
};
