/* A self-signed certificate for "localhost" and 127.0.0.1, made when asked. */
#ifndef SALLYPORT_TESTS_SUPPORT_TESTCERT_H
#define SALLYPORT_TESTS_SUPPORT_TESTCERT_H

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base.h"

static inline bool
testcert_sign(X509 *cert, EVP_PKEY *key, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(
		NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	bool ok = names != NULL && X509_set_version(cert, 2) == 1 &&
		ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
		X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
			(const unsigned char *)name, -1, -1, 0) == 1 &&
		X509_set_issuer_name(cert, subject) == 1 &&
		X509_set_pubkey(cert, key) == 1 &&
		X509_add_ext(cert, names, -1) == 1 &&
		X509_sign(cert, key, EVP_sha256()) > 0;

	X509_EXTENSION_free(names);
	return ok;
}

/* Write a new pair as PEM; name becomes the subject's CN. */
static inline bool
testcert_write(const char *cert_path, const char *key_path, const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *file = NULL;
	bool ok = key != NULL && cert != NULL && testcert_sign(cert, key, name);

	if (ok && (file = fopen(cert_path, "w")) != NULL) {
		ok = PEM_write_X509(file, cert) == 1;
		ok = fclose(file) == 0 && ok;
	}
	if (ok && (file = fopen(key_path, "w")) != NULL) {
		ok = PEM_write_PrivateKey(
			     file, key, NULL, NULL, 0, NULL, NULL) == 1;
		ok = fclose(file) == 0 && ok;
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	return ok && file != NULL;
}

#endif
