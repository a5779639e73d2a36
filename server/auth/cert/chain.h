/*
 * Certificates as OpenSSL sees them: PEM text to objects, and whether a
 * client's chain leads to what a record trusts. Pure: knows no request.
 */
#ifndef SALLYPORT_SERVER_AUTH_CERT_CHAIN_H
#define SALLYPORT_SERVER_AUTH_CERT_CHAIN_H

#include <openssl/x509.h>

#include "lib/err.h"
#include "lib/span.h"

/* Certificates of a PEM text, a chain, a list of CRLs, at most. */
#define CHAIN_CERTS_MAX 64

/*
 * Every certificate, or CRL, of a PEM text, at least one. ERR_INPUT, 400
 * "failed to parse certificate" or "failed to parse CRL", where one cannot be
 * read too: what stands behind it may matter most. The caller frees them:
 * sk_X509_pop_free(certs, X509_free).
 */
int chain_parse_certs(
	const char *pem, STACK_OF(X509) * *ret_certs, struct err *err);
int chain_add_crls(const char *pem, STACK_OF(X509_CRL) * crls, struct err *err);

/* A client's certificate and what came with it, of DER. ERR_INPUT, 400. */
int chain_parse_client(const struct span *ders, size_t n, X509 **ret_leaf,
	STACK_OF(X509) * *ret_others, struct err *err);

enum chain_verdict {
	CHAIN_GOOD,
	CHAIN_REVOKED,   /* by a CRL, though the chain is good */
	CHAIN_UNTRUSTED, /* no path, out of time, a broken signature, … */
	CHAIN_NO_MEMORY
};

/*
 * Whether leaf is good for TLS clients at now_s, by way of others, under one of
 * the trusted certificates (which need not be self-signed), and on none of the
 * CRLs; CAs without one are taken as having revoked nothing.
 */
enum chain_verdict chain_verify(X509 *leaf, STACK_OF(X509) * others,
	STACK_OF(X509) * trusted, STACK_OF(X509_CRL) * crls, int64_t now_s);

#endif
