/* config and crls/:name: the switch of the mount, and who is revoked. */
#include <openssl/x509.h>

#include "server/auth/cert/cert.h"
#include "server/auth/cert/chain.h"

#define CRL_LEN_MAX ((size_t)512 * 1024)

static const struct field config_fields[] = {
	FIELD_BOOL(struct cert_config, disable_binding,
		.doc = "Lets tokens renew without the certificate that they came by."),
	FIELD_END,
};

const struct record_type cert_config_record = {
	.prefix = "",
	.only = CERT_CONFIG,
	.fields = config_fields,
	.size = sizeof(struct cert_config),
};

const struct op cert_config_ops[] = {
	{
		.path = "config",
		.verb = OP_READ,
		.handler = record_read,
		.record = &cert_config_record,
		.summary = "Read the mount's switch.",
		.errors = { { 404, "it was never set: off" } },
	},
	{
		.path = "config",
		.verb = OP_UPDATE,
		.handler = record_write,
		.record = &cert_config_record,
		.summary = "Set the mount's switch.",
	},
	OP_END,
};

static const struct field crl_fields[] = {
	FIELD_STR(struct cert_crl, crl, .len_max = CRL_LEN_MAX,
		.flags = FIELD_REQUIRED,
		.doc = "Certificate revocation lists as PEM text."),
	FIELD_END,
};

static int
check_crl(UNUSED struct req *req, UNUSED const char *name, void *record,
	struct err *err)
{
	const struct cert_crl *list = record;
	STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
	int rc = crls == NULL ? err_set_memory(err)
			      : chain_add_crls(list->crl, crls, err);

	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	return rc;
}

const struct record_type cert_crl_record = {
	.prefix = "crl/",
	.capture = "name",
	.lower_case_names = true,
	.fields = crl_fields,
	.size = sizeof(struct cert_crl),
	.check = check_crl,
};

const struct op cert_crl_ops[] = {
	RECORD_OPS("crls", "crls/:name", &cert_crl_record, "revocation list"),
	OP_END,
};
