/*
 * Public keys to check signatures with: from PEM text, or from a JSON Web Key
 * Set (RFC 7517). Immutable once filled, so that threads may share a set.
 */
#ifndef SALLYPORT_LIB_JWKS_H
#define SALLYPORT_LIB_JWKS_H

#include <openssl/types.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/span.h"

/* Keys of a set at most, and bits of an RSA modulus. */
#define JWKS_KEYS_MAX 128
#define JWKS_RSA_MIN 2048
#define JWKS_RSA_MAX 8192

/* A signature algorithm of RFC 7518 section 3 or RFC 8037. */
struct jws_alg {
	const char *name;     /* "RS256" */
	const char *key_type; /* OpenSSL's name of the keys that fit */
	const char *curve;    /* OpenSSL's name; NULL where there is none */
	const char *digest;   /* NULL: the key's own */
	bool is_pss;
	size_t half; /* bytes of each of an EC signature's two numbers; or 0 */
};

/* By name, letter case and all; NULL: none of ours. */
const struct jws_alg *jws_alg_find(const char *name);

struct jwk {
	EVP_PKEY *key;
	char *kid;                 /* NULL: none */
	const struct jws_alg *alg; /* the one it is for; NULL: any that fits */
};

struct jwks;

/* An empty set; NULL: no memory. */
struct jwks *jwks_new(void);
void jwks_free(struct jwks **set);

size_t jwks_count(const struct jwks *set);
const struct jwk *jwks_at(const struct jwks *set, size_t i);

/* Whether the key's type and curve fit the algorithm. */
bool jwk_fits(const struct jwk *jwk, const struct jws_alg *alg);

/*
 * Add the keys of a JWK Set. Keys that are not for signatures, of a kind that
 * we do not know, malformed or too weak are passed over (RFC 7517 section 5);
 * the set itself must be strict JSON. ERR_INPUT, ERR_LIMIT, both 400.
 */
int jwks_add_json(struct jwks *set, struct span text, struct err *err);

/*
 * Add every key of PEM text: PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE. Text
 * without any, or with one that is of no use to us, is ERR_INPUT, 400.
 */
int jwks_add_pem(struct jwks *set, struct span text, struct err *err);

#endif
