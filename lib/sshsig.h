/*
 * Signatures over anything, as ssh-keygen -Y sign and agents make them
 * (OpenSSH's PROTOCOL.sshsig): parsed strictly, checked under one namespace.
 */
#ifndef SALLYPORT_LIB_SSHSIG_H
#define SALLYPORT_LIB_SSHSIG_H

#include "lib/sshkey.h"

#define SSHSIG_MAX 32768 /* bytes of a signature; its armour is longer */

/* The parts of a signature, in the bytes that it was read from. */
struct sshsig {
	struct span key;       /* blob of a key or a certificate */
	struct span name;      /* the namespace */
	struct span hash_name; /* "sha256" or "sha512" */
	struct span signature;
};

/*
 * The bytes of a signature given as "-----BEGIN SSH SIGNATURE-----" text, or
 * as one line of base64; into out. ERR_INPUT, ERR_MEMORY.
 */
int sshsig_dearmor(struct span text, struct buf *out);

/* bytes from the magic to the end; nothing may follow. ERR_INPUT. */
int sshsig_parse(struct span bytes, struct sshsig *ret_sig);

/*
 * Is it one of message by key (that of sig->key, or of the certificate there)
 * under this namespace? ERR_CRYPTO where not. *ret_flags as sshkey_verify.
 */
int sshsig_verify(const struct sshsig *sig, const struct sshkey *key,
	const char *name, struct span message, uint8_t *ret_flags);

/*
 * What is signed for a message: for agents, which sign these bytes. hash_name
 * is "sha256" or "sha512". ERR_MEMORY, ERR_LIMIT.
 */
int sshsig_signed_data(struct span name, struct span hash_name,
	struct span message, struct buf *out);

/* A whole signature from its parts. */
int sshsig_build(const struct sshsig *sig, struct buf *out);

/* Who signs: a key pair at hand, or an agent. The blob goes to out. */
typedef int sshsig_sign_fn(
	const void *ctx, struct span data, struct buf *out, struct err *err);

/*
 * Append a whole signature of message, as one line of base64, to out: sig says
 * by which key, under which namespace and hash; its signature is not looked at.
 */
int sshsig_make(const struct sshsig *sig, struct span message,
	sshsig_sign_fn *sign, const void *ctx, struct buf *out,
	struct err *err);

#endif
