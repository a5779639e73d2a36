/* X.509 certificates for a listener: an authority, and what it signs. */
#ifndef SALLYPORT_CLIENT_X509MAKE_H
#define SALLYPORT_CLIENT_X509MAKE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/buf.h"

/* A certificate and its key, ECDSA P-256; both NULL until there is one. */
struct x509make {
	X509 *cert;
	EVP_PKEY *key;
};

/* A name of a server: an address, or a DNS name, also "*.example.org". */
bool x509make_name_is_good(const char *name);

/* An authority for server certificates, called common_name. */
int x509make_authority(const char *common_name, int64_t days,
	struct x509make *ret_made, struct err *err);

/*
 * A server's certificate for n_names names, the first of which is its common
 * name too. ERR_INPUT where it would outlive its authority.
 */
int x509make_server(const struct x509make *authority, const char *const *names,
	size_t n_names, int64_t days, struct x509make *ret_made,
	struct err *err);

/* An authority from its two PEM files; ERR_INPUT where it is none. */
int x509make_load(const char *cert_path, const char *key_path,
	struct x509make *ret_made, struct err *err);

/* PEM behind what buf holds; the key as PKCS#8 without passphrase. */
int x509make_cert_pem(const struct x509make *made, struct buf *buf);
int x509make_key_pem(const struct x509make *made, struct buf *buf);

/* "AB:CD:…" of the SHA-256 of the certificate, as others print it. */
int x509make_fingerprint(const struct x509make *made, struct buf *buf);

void x509make_clear(struct x509make *made);

#endif
