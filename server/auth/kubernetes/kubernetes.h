/*
 * The kubernetes auth method: a service account's token logs in, after the
 * cluster has confirmed it by TokenReview (spec/core-api.md 6.6).
 */
#ifndef SALLYPORT_SERVER_AUTH_KUBERNETES_KUBERNETES_H
#define SALLYPORT_SERVER_AUTH_KUBERNETES_KUBERNETES_H

#include "server/api/record_ops.h"
#include "server/auth/token_params.h"

struct kubernetes_config {
	const char *host;                /* "https://10.0.0.1:6443" */
	const char *ca_cert;             /* PEM; "": the system's roots */
	struct secret_view reviewer_jwt; /* len 0: the login's own */
	struct str_list pem_keys;        /* that must have signed; none: any */
	const char *issuer;
	bool disable_iss_validation, disable_local_ca_jwt;
};

struct kubernetes_role {
	struct str_list names, namespaces; /* "*" alone: any */
	const char *audience;              /* "": any */
	struct token_params token;
};

extern const struct op kubernetes_config_ops[];
extern const struct op kubernetes_role_ops[];
extern const struct op kubernetes_login_ops[];

/* struct kubernetes_config, struct kubernetes_role */
extern const struct record_type kubernetes_config_record;
extern const struct record_type kubernetes_role_record;

/* The one record of kubernetes_config_record. */
#define KUBERNETES_CONFIG "config"

#endif
