/*
 * The one TLS policy (TLS 1.2 and 1.3, AEAD suites with forward secrecy) as
 * OpenSSL contexts for listeners.
 */
#ifndef SALLYPORT_LIB_TLS_H
#define SALLYPORT_LIB_TLS_H

#include "lib/arena.h"
#include "lib/err.h"

typedef struct ssl_ctx_st SSL_CTX;
typedef struct x509_st X509;

struct tls_server_settings {
	const char *cert_file;      /* PEM chain, leaf first */
	const char *key_file;       /* PEM */
	const char *min_version;    /* "tls12" (default) or "tls13" */
	const char *max_version;    /* "" or the same names */
	const char *client_ca_file; /* "" or PEM: CAs for client certificates */
	bool require_client_cert;   /* refuse handshakes without a good one */
	bool disable_client_certs;  /* do not ask at all */
};

/*
 * A server context that asks for a client certificate and accepts any or none
 * unless told otherwise, with session tickets and renegotiation off. Errors
 * name the file. The caller owns it: tls_ctx_free.
 */
int tls_server_ctx_new(const struct tls_server_settings *settings,
	SSL_CTX **ret_ctx, struct err *err);

void tls_ctx_free(SSL_CTX **ctx);

/*
 * A certificate's serial number in decimal, into arena; of one that is longer
 * than any CA gives out, a remark that says so. NULL: no memory.
 */
const char *tls_cert_serial(const X509 *cert, struct arena *arena);

#endif
