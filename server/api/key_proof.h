/*
 * A signature over a nonce, as ssh-keygen -Y sign and agents make it: read, and
 * who made it. Whether that key may do what it asks for is the caller's.
 */
#ifndef SALLYPORT_SERVER_API_KEY_PROOF_H
#define SALLYPORT_SERVER_API_KEY_PROOF_H

#include "lib/sshcert.h"
#include "server/api/req.h"

#define KEY_PROOF_TEXT_MAX 65536 /* of a signature, armoured or as base64 */

/* A good signature's maker. */
struct key_proof {
	struct span blob; /* of the key or certificate */
	struct sshkey key;
	bool is_cert;
	struct sshcert cert;
	uint8_t flags; /* of a security token */
};

/*
 * Check that signature is one of what nonce says to sign, for this purpose, at
 * req's mount (nonce.h); the nonce itself is not looked at. Everything is in
 * req's arena. ERR_INPUT (400) where it is no signature of a form that we know;
 * ERR_CRYPTO, err untouched, where it is not good.
 */
int key_proof_read(struct req *req, const char *signature, const char *nonce,
	const char *purpose, struct key_proof *ret_proof, struct err *err);

/* The blob of the key itself, also where a certificate vouches for it. */
int key_proof_key(struct req *req, const struct key_proof *proof,
	struct span *ret_blob, struct err *err);

#endif
