/*
 * The cert auth method: a TLS client certificate logs in, by a record that
 * says which certificates it trusts and what they must bear (spec/core-api.md
 * 6.5).
 */
#ifndef SALLYPORT_SERVER_AUTH_CERT_CERT_H
#define SALLYPORT_SERVER_AUTH_CERT_CERT_H

#include "server/api/record_ops.h"
#include "server/auth/token_params.h"

struct cert_role {
	const char *certificate; /* PEM: CAs, or a client's own */
	const char *display_name;
	struct str_list allowed_names, allowed_common_names;
	struct str_list allowed_dns_sans, allowed_email_sans, allowed_uri_sans;
	struct str_list allowed_organizational_units;
	struct str_list required_extensions; /* "oid:glob" */
	struct token_params token;
};

struct cert_config {
	bool disable_binding; /* renewals ask for no certificate */
};

struct cert_crl {
	const char *crl; /* PEM */
};

extern const struct op cert_config_ops[];
extern const struct op cert_role_ops[];
extern const struct op cert_crl_ops[];
extern const struct op cert_login_ops[];

extern const struct record_type cert_config_record; /* struct cert_config */
extern const struct record_type cert_role_record;   /* struct cert_role */
extern const struct record_type cert_crl_record;    /* struct cert_crl */

/* The one record of cert_config_record. */
#define CERT_CONFIG "config"

/* For mount_type.renew. */
int cert_renew(struct req *req, const struct mount *mount,
	const struct token *token, const struct token_params **ret_params,
	struct err *err);

#endif
