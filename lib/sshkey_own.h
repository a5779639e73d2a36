/*
 * What the files of SSH keys know of one another. Nobody else includes this:
 * the rest sees sshkey.h and sshkeypair.h.
 */
#ifndef SALLYPORT_LIB_SSHKEY_OWN_H
#define SALLYPORT_LIB_SSHKEY_OWN_H

#include <openssl/evp.h>

#include "lib/secret.h"
#include "lib/sshkey.h"
#include "lib/sshkeypair.h"

#define SSHKEY_ED25519_PUBLIC 32
#define SSHKEY_ED25519_SEED 32
#define SSHKEY_ED25519_SECRET 64 /* seed and public half */
#define SSHKEY_RSA_BYTES_MAX (SSHKEY_RSA_BITS_MAX / 8)

enum sshkey_family { FAMILY_ED25519, FAMILY_ECDSA, FAMILY_RSA };

struct sshkey_kind {
	const char *name, *cert_name;
	enum sshkey_family family;
	bool is_sk;
	const char *curve;     /* as the blob names it; ECDSA */
	const char *group;     /* as OpenSSL does */
	size_t point_len;      /* uncompressed */
	const char *digest;    /* of ECDSA */
	const char *algorithm; /* of its signatures; RSA has several */
};

/* selection: EVP_PKEY_PUBLIC_KEY or EVP_PKEY_KEYPAIR. NULL: no such key. */
EVP_PKEY *sshkey_openssl(const char *type, int selection, OSSL_PARAM *params);

/* A way to sign; the first one of a key is what it does unless asked. */
struct sshkeypair_scheme {
	const char *algorithm;
	EVP_MD_CTX *ready; /* each signature takes a copy; Ed25519: NULL */
};

#define SSHKEYPAIR_SCHEMES_MAX 3

struct sshkeypair {
	struct buf blob;
	struct sshkey public;   /* its spans lie in blob */
	struct secret *ed25519; /* SSHKEY_ED25519_SECRET bytes, or NULL */
	EVP_PKEY *key;          /* RSA and ECDSA */
	struct sshkeypair_scheme schemes[SSHKEYPAIR_SCHEMES_MAX];
};

/* The pair of an RSA or ECDSA key, which it takes whatever comes of it. */
int sshkeypair_take_openssl(
	EVP_PKEY *key, struct sshkeypair **ret_pair, struct err *err);

/* The pair of an Ed25519 seed. */
int sshkeypair_of_seed(
	struct secret_view seed, struct sshkeypair **ret_pair, struct err *err);

#endif
