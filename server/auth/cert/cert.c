/* The method's entry: its tables in the order that help shows them. */
#include "server/auth/cert/cert.h"

#include "server/auth/auth.h"

static const struct op *const cert_tables[] = { cert_role_ops, cert_crl_ops,
	cert_config_ops, cert_login_ops, NULL };

const struct mount_type cert_mount_type = {
	.name = "cert",
	.description =
		"The cert auth method logs in whoever holds the key of a TLS client\n"
		"certificate. A record names the CAs, or the very certificate, that it trusts\n"
		"and may ask for names, units and extensions; uploaded revocation lists end\n"
		"what they list.",
	.is_auth = true,
	.tables = cert_tables,
	.renew = cert_renew,
};
