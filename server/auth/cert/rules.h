/*
 * What a record asks of a certificate whose chain is good, and what a login
 * tells of one. Pure.
 */
#ifndef SALLYPORT_SERVER_AUTH_CERT_RULES_H
#define SALLYPORT_SERVER_AUTH_CERT_RULES_H

#include <openssl/x509.h>

#include "lib/arena.h"
#include "server/auth/cert/cert.h"

/* Entries of required_extensions have the form "oid:glob": 400. */
int cert_rules_check(const struct cert_role *role, struct err *err);

/*
 * Whether each list that is not empty has a pattern for the certificate:
 * allowed_names for its common name, a DNS name or an e-mail address of it,
 * the others for what they are named after; and every required extension is
 * there with a text of its pattern. A subject of several common names fits
 * none.
 */
bool cert_rules_match(const struct cert_role *role, const X509 *cert);

/* The subject's common name; "" where it has none, or none that is text. */
const char *cert_common_name(const X509 *cert, struct arena *arena);

/* "1a:2b:…" of a key identifier (NULL: ""). */
const char *cert_hex(const ASN1_OCTET_STRING *id, struct arena *arena);

#endif
