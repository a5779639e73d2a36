/* X509_STORE builds and checks the chains; what it may forgive stands here. */
#include "server/auth/cert/chain.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/pem.h"

#define DEPTH_MAX 9
#define SECURITY_LEVEL 2 /* 112 bits: RSA from 2048, no SHA-1 */

/* That n of them were read, and nothing stood behind them. */
static int
check_read(int n, bool is_over, const char *what, struct err *err)
{
	if (n > CHAIN_CERTS_MAX)
		return err_set(err, ERR_INPUT, 400,
			"failed to parse %s: more than %d", what,
			CHAIN_CERTS_MAX);
	return n > 0 && is_over
		? 0
		: err_set(err, ERR_INPUT, 400, "failed to parse %s", what);
}

int
chain_parse_certs(const char *pem, STACK_OF(X509) * *ret_certs, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	STACK_OF(X509) *certs = sk_X509_new_null();
	X509 *cert = NULL;
	bool kept = bio != NULL && certs != NULL, is_over;
	int rc, n = 0;

	while (kept && n <= CHAIN_CERTS_MAX &&
		(cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		kept = sk_X509_push(certs, cert) > 0;
		n++;
		if (!kept)
			X509_free(cert);
	}
	is_over = pem_is_over();
	BIO_free(bio);
	ERR_clear_error();
	rc = kept ? check_read(n, is_over, "certificate", err)
		  : err_set_memory(err);
	if (rc == 0)
		*ret_certs = certs;
	else
		sk_X509_pop_free(certs, X509_free);
	return rc;
}

int
chain_add_crls(const char *pem, STACK_OF(X509_CRL) * crls, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509_CRL *crl = NULL;
	bool kept = bio != NULL, is_over;
	int n = 0;

	while (kept && n <= CHAIN_CERTS_MAX &&
		(crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		kept = sk_X509_CRL_push(crls, crl) > 0;
		n++;
		if (!kept)
			X509_CRL_free(crl);
	}
	is_over = pem_is_over();
	BIO_free(bio);
	ERR_clear_error();
	return kept ? check_read(n, is_over, "CRL", err) : err_set_memory(err);
}

/* One certificate and not a byte behind it. */
static X509 *
parse_der(struct span der)
{
	const unsigned char *at = der.data;
	X509 *cert = der.len <= INT32_MAX ? d2i_X509(NULL, &at, (long)der.len)
					  : NULL;

	if (cert != NULL && at != der.data + der.len) {
		X509_free(cert);
		cert = NULL;
	}
	ERR_clear_error();
	return cert;
}

int
chain_parse_client(const struct span *ders, size_t n, X509 **ret_leaf,
	STACK_OF(X509) * *ret_others, struct err *err)
{
	STACK_OF(X509) *others = sk_X509_new_null();
	X509 *leaf = n > 0 ? parse_der(ders[0]) : NULL;
	bool good = leaf != NULL && others != NULL;

	for (size_t i = 1; good && i < n; i++) {
		X509 *cert = parse_der(ders[i]);

		good = cert != NULL && sk_X509_push(others, cert) > 0;
		if (!good)
			X509_free(cert);
	}
	if (good) {
		*ret_leaf = leaf;
		*ret_others = others;
		return 0;
	}
	X509_free(leaf);
	sk_X509_pop_free(others, X509_free);
	return err_set(err, ERR_INPUT, 400,
		"invalid certificate or no client certificate supplied");
}

/*
 * Forgiven: a CA that nobody uploaded a CRL of; the age of a CRL that somebody
 * did; and, of the trusted certificate at the end, that its own issuer is not
 * at hand to check the CRL with. What a CRL lists is never forgiven.
 */
static int
forgive(int ok, X509_STORE_CTX *ctx)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	const bool at_end =
		X509_STORE_CTX_get_error_depth(ctx) == sk_X509_num(chain) - 1;

	if (ok == 1)
		return 1;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return 1;
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
		return at_end;
	default:
		return 0;
	}
}

static bool
set_rules(X509_STORE_CTX *ctx, int64_t now_s, bool has_crls)
{
	X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(ctx);
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;

	if (has_crls)
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	X509_VERIFY_PARAM_set_time(rules, (time_t)now_s);
	X509_VERIFY_PARAM_set_depth(rules, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
	return X509_VERIFY_PARAM_set_flags(rules, flags) == 1 &&
		X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT) ==
		1;
}

enum chain_verdict
chain_verify(X509 *leaf, STACK_OF(X509) * others, STACK_OF(X509) * trusted,
	STACK_OF(X509_CRL) * crls, int64_t now_s)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum chain_verdict verdict = CHAIN_UNTRUSTED;
	bool ready = store != NULL && ctx != NULL &&
		X509_STORE_CTX_init(ctx, store, leaf, others) == 1 &&
		set_rules(ctx, now_s, sk_X509_CRL_num(crls) > 0);

	if (!ready) {
		verdict = CHAIN_NO_MEMORY;
		goto out;
	}
	X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
	X509_STORE_CTX_set0_crls(ctx, crls);
	X509_STORE_CTX_set_verify_cb(ctx, forgive);
	if (X509_verify_cert(ctx) == 1)
		verdict = CHAIN_GOOD;
	else if (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CERT_REVOKED)
		verdict = CHAIN_REVOKED;
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return verdict;
}
