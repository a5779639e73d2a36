/*
 * JSON Web Signatures (RFC 7515) in compact form, checked with public keys of
 * lib/jwks.h: RS, PS and ES with SHA-256, -384 and -512, and EdDSA with
 * Ed25519. There is no "none" and no HMAC here, so that a public key can never
 * be taken for a shared one. Says nothing of claims.
 */
#ifndef SALLYPORT_LIB_JWS_H
#define SALLYPORT_LIB_JWS_H

#include "lib/jwks.h"

/* Bytes of a token at most. */
#define JWS_MAX ((size_t)32 * 1024)

struct jws {
	const struct jws_alg *alg;
	const char *kid; /* of the header; NULL: it names none */
	struct span signed_text;
	struct span signature; /* as bytes */
	struct span payload;   /* as bytes */
};

/*
 * A token's parts, into arena: three of strict base64url; a header that is a
 * JSON object without repeated members, that names one of our algorithms and
 * no extension (crit, b64). ERR_INPUT, 400, with words that quote nothing.
 */
int jws_parse(struct span token, struct arena *arena, struct jws *ret_jws,
	struct err *err);

/*
 * Whether a key of the set made the signature: one that fits the algorithm and
 * the key id, where both name one. ERR_ABSENT: there is no such key;
 * ERR_CRYPTO: there is, and it did not. Neither is recorded.
 */
int jws_verify(const struct jws *jws, const struct jwks *keys);

#endif
