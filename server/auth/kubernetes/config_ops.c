/* config: which cluster is asked, and how. */
#include <string.h>

#include "lib/jws.h"
#include "server/auth/cert/chain.h"
#include "server/auth/keyset.h"
#include "server/auth/kubernetes/kubernetes.h"
#include "server/outbound/outbound.h"

#define HOST_LEN_MAX 1024 /* room is left for the path behind it */
#define KEYS_LEN_MAX ((size_t)128 * 1024)

static const struct field config_fields[] = {
	FIELD_AS(STR, struct kubernetes_config, host, "kubernetes_host",
		.len_max = HOST_LEN_MAX,
		.doc = "Address of the cluster's API, https://…."),
	FIELD_AS(STR, struct kubernetes_config, ca_cert, "kubernetes_ca_cert",
		.len_max = OUTBOUND_CA_MAX,
		.doc = "Roots to check the API by, as PEM text."),
	FIELD_AS(SECRET, struct kubernetes_config, reviewer_jwt,
		"token_reviewer_jwt", .len_max = JWS_MAX,
		.doc = "Token to ask the API with; the login's own if left out."),
	FIELD_NAMES(struct kubernetes_config, pem_keys, .len_max = KEYS_LEN_MAX,
		.doc = "Public keys, one of which must have signed a login's token; none: the API alone says."),
	FIELD_STR(struct kubernetes_config, issuer, .len_max = 1024,
		.doc = "The iss claim where it is checked; kubernetes/serviceaccount if left out."),
	FIELD_BOOL(struct kubernetes_config, disable_iss_validation,
		.initial = "true", .doc = "Takes tokens of any issuer."),
	FIELD_BOOL(struct kubernetes_config, disable_local_ca_jwt,
		.doc = "Takes the system's roots where no kubernetes_ca_cert is given."),
	FIELD_END,
};

static int
check_roots(const struct kubernetes_config *config, struct err *err)
{
	STACK_OF(X509) *certs = NULL;
	int rc = 0;

	if (config->ca_cert[0] != '\0')
		rc = chain_parse_certs(config->ca_cert, &certs, err);
	else if (!config->disable_local_ca_jwt)
		rc = err_set(err, ERR_INPUT, 400,
			"kubernetes_ca_cert must be given, or disable_local_ca_jwt: the files of a pod are not read");
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

static int
check_config(
	struct req *req, UNUSED const char *name, void *record, struct err *err)
{
	struct kubernetes_config *config = record;
	const struct keyset_source source = { .texts = &config->pem_keys,
		.jwks_url = "",
		.issuer = "",
		.ca_pem = "" };
	const bool is_dev = req->server->settings->dev;
	int rc;

	if (config->host[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "no host provided");
	if (strncmp(config->host, "https://", strlen("https://")) != 0 &&
		!(is_dev &&
			strncmp(config->host, "http://", strlen("http://")) ==
				0))
		return err_set(err, ERR_INPUT, 400,
			"kubernetes_host does not begin with https://");
	rc = outbound_clean_bearer(
		&config->reviewer_jwt, "token_reviewer_jwt", err);
	if (rc == 0)
		rc = check_roots(config, err);
	if (rc == 0 && config->pem_keys.n > 0)
		rc = keyset_check(req->server, &source, err);
	return rc;
}

const struct record_type kubernetes_config_record = {
	.prefix = "",
	.only = KUBERNETES_CONFIG,
	.fields = config_fields,
	.size = sizeof(struct kubernetes_config),
	.check = check_config,
};

const struct op kubernetes_config_ops[] = {
	{
		.path = "config",
		.verb = OP_READ,
		.handler = record_read,
		.record = &kubernetes_config_record,
		.summary = "Read which cluster is asked.",
		.errors = { { 404, "none is set" } },
	},
	{
		.path = "config",
		.verb = OP_UPDATE,
		.handler = record_write,
		.record = &kubernetes_config_record,
		.summary = "Replace which cluster is asked.",
		.errors = { { 400, "no host, or one of the texts is no PEM" } },
	},
	OP_END,
};
