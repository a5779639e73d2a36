/*
 * The jwt auth method: a token signed by an issuer whose keys are known logs
 * in under a role, which says what its claims must be (spec/core-api.md 6.6).
 */
#ifndef SALLYPORT_SERVER_AUTH_JWT_JWT_H
#define SALLYPORT_SERVER_AUTH_JWT_JWT_H

#include "server/api/record_ops.h"
#include "server/auth/token_params.h"

/* Where the keys are from, and what holds for every role. */
struct jwt_config {
	struct str_list jwt_validation_pubkeys; /* PEM, or a JWK Set */
	const char *jwks_url, *jwks_ca_pem;
	const char *oidc_discovery_url, *oidc_discovery_ca_pem;
	const char *oidc_client_id;
	const char *bound_issuer; /* "": any */
	struct str_list jwt_supported_algs;
	const char *default_role;
};

struct jwt_role {
	const char *role_type; /* "jwt" */
	const char *user_claim, *groups_claim;
	const char *bound_subject;
	struct str_list bound_audiences;
	const struct value *bound_claims; /* object: claim to one or several */
	const char *bound_claims_type;    /* "string" or "glob" */
	struct str_map claim_mappings;    /* claim to name in metadata */
	/* s; 0: the usual, negative: none. */
	int64_t expiration_leeway, not_before_leeway, clock_skew_leeway;
	struct token_params token;
};

extern const struct op jwt_config_ops[];
extern const struct op jwt_role_ops[];
extern const struct op jwt_login_ops[];

extern const struct record_type jwt_config_record; /* struct jwt_config */
extern const struct record_type jwt_role_record;   /* struct jwt_role */

struct keyset_source;

/* Where the configuration's keys are, as a view of it. */
void jwt_key_source(
	const struct jwt_config *config, struct keyset_source *ret_source);

/* The one record of jwt_config_record. */
#define JWT_CONFIG "config"

#endif
