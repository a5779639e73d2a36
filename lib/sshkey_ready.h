/*
 * Public keys as OpenSSL has them, kept for the next signature: to make one
 * from its numbers takes a quarter of the time that checking a signature of
 * P-256 takes. The few that were used last stay, in all threads' reach.
 */
#ifndef SALLYPORT_LIB_SSHKEY_READY_H
#define SALLYPORT_LIB_SSHKEY_READY_H

#include <openssl/evp.h>

#include "lib/span.h"

#define SSHKEY_READY_MAX 16

/* The key of this blob, which the caller frees. NULL: it is not here. */
EVP_PKEY *sshkey_ready_find(struct span blob);

/* Keep a key, which stays the caller's, in place of the one unused longest. */
void sshkey_ready_keep(struct span blob, EVP_PKEY *key);

#endif
