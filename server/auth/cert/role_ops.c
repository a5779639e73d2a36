/* certs/:name: which certificates log in, and with what. */
#include <string.h>

#include <openssl/x509v3.h>

#include "server/auth/cert/cert.h"
#include "server/auth/cert/chain.h"
#include "server/auth/cert/rules.h"

#define PEM_LEN_MAX ((size_t)64 * 1024)
#define LIST_LEN_MAX 16384

static const struct field role_fields[] = {
	FIELD_STR(struct cert_role, certificate, .len_max = PEM_LEN_MAX,
		.doc = "CA certificates as PEM text, under which clients are trusted, or a client's own."),
	FIELD_STR(struct cert_role, display_name, .len_max = 255,
		.doc = "Name of its tokens; the record's if left out."),
	FIELD_LIST(struct cert_role, allowed_names, .len_max = LIST_LEN_MAX,
		.doc = "Patterns with \"*\", one of which must fit the common name, a DNS name or an e-mail address."),
	FIELD_LIST(struct cert_role, allowed_common_names,
		.len_max = LIST_LEN_MAX,
		.doc = "Patterns for the common name."),
	FIELD_LIST(struct cert_role, allowed_dns_sans, .len_max = LIST_LEN_MAX,
		.doc = "Patterns for DNS names."),
	FIELD_LIST(struct cert_role, allowed_email_sans,
		.len_max = LIST_LEN_MAX,
		.doc = "Patterns for e-mail addresses."),
	FIELD_LIST(struct cert_role, allowed_uri_sans, .len_max = LIST_LEN_MAX,
		.doc = "Patterns for URIs."),
	FIELD_LIST(struct cert_role, allowed_organizational_units,
		.len_max = LIST_LEN_MAX,
		.doc = "Patterns for organizational units."),
	FIELD_LIST(struct cert_role, required_extensions,
		.len_max = LIST_LEN_MAX,
		.doc = "Extensions that must be there, as \"oid:pattern\" for their text."),
	TOKEN_PARAMS_FIELDS(struct cert_role, token),
	FIELD_END,
};

/* A client's own must say that it is for that; a CA need not. */
static int
check_certificate(const char *pem, struct err *err)
{
	STACK_OF(X509) *certs = NULL;
	int rc = chain_parse_certs(pem, &certs, err);

	for (int i = 0; rc == 0 && i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);
		const uint32_t usage = X509_get_extended_key_usage(cert);

		if (X509_check_ca(cert) == 0 &&
			(usage == UINT32_MAX || (usage & XKU_SSL_CLIENT) == 0))
			rc = err_set(err, ERR_INPUT, 400,
				"non-CA certificates should have TLS client authentication set as an extended key usage");
	}
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

static int
check_role(UNUSED struct store_tx *tx, struct req *req, const char *name,
	void *record, struct err *err)
{
	struct cert_role *role = record;
	int rc = token_params_check(req, &role->token, err);

	if (rc == 0)
		rc = check_certificate(role->certificate, err);
	if (rc == 0)
		rc = cert_rules_check(role, err);
	if (rc == 0 && role->display_name[0] == '\0')
		role->display_name = name;
	return rc;
}

static void
show_role(UNUSED struct req *req, UNUSED const char *name, const void *record,
	struct reply *reply)
{
	const struct cert_role *role = record;

	record_show(reply, role_fields, role);
	token_params_show_old_names(&role->token, reply);
}

const struct record_type cert_role_record = {
	.prefix = "cert/",
	.capture = "name",
	.lower_case_names = true,
	.merges = true,
	.fields = role_fields,
	.size = sizeof(struct cert_role),
	.check_tx = check_role,
	.show = show_role,
};

const struct op cert_role_ops[] = {
	RECORD_OPS("certs", "certs/:name", &cert_role_record, "certificate"),
	OP_END,
};
