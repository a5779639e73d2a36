/*
 * Public keys of SSH and the signatures made by them: Ed25519 (RFC 8709),
 * ECDSA on the NIST curves (RFC 5656), RSA with SHA-2 (RFC 8332), and keys on
 * security tokens (OpenSSH's PROTOCOL.u2f). SHA-1 and DSA are unknown here.
 */
#ifndef SALLYPORT_LIB_SSHKEY_H
#define SALLYPORT_LIB_SSHKEY_H

#include "lib/arena.h"
#include "lib/sshwire.h"

#define SSHKEY_RSA_BITS_MIN 2048
#define SSHKEY_RSA_BITS_MAX 16384
#define SSHKEY_BLOB_MAX 16384
#define SSHKEY_LINE_MAX 32768
#define SSHKEY_FINGERPRINT_MAX 51 /* "SHA256:", 43 characters, NUL */

struct sshkey_kind;

/* A public key; its spans lie in the bytes that it was read from. */
struct sshkey {
	const struct sshkey_kind *kind;
	struct span bytes[2];    /* RSA: e, n; ECDSA: point; Ed25519: key */
	struct span application; /* of a key on a security token */
};

/* What a security token says of a signature. */
#define SSHKEY_SK_PRESENT 0x01
#define SSHKEY_SK_VERIFIED 0x04

/*
 * The kind of this name ("ssh-ed25519"), with or without the ending of a
 * certificate, which *ret_is_cert tells. NULL: none that we know.
 */
const struct sshkey_kind *sshkey_kind(struct span name, bool *ret_is_cert);
const char *sshkey_kind_name(const struct sshkey_kind *kind);
const char *sshkey_kind_cert_name(const struct sshkey_kind *kind);

/* A whole key blob, "string name, …" to its end; no certificate. ERR_INPUT. */
int sshkey_parse(struct span blob, struct sshkey *ret_key);

/* The parts of a key of this kind, as they stand behind its name. */
int sshkey_parse_parts(const struct sshkey_kind *kind, struct sshwire *in,
	struct sshkey *ret_key);

/* The blob of a key, from its parts: of one that a certificate vouches for. */
int sshkey_build(const struct sshkey *key, struct buf *out);

/*
 * The blob of a line as in authorized_keys or *.pub, without options: "name
 * base64 comment". The name must be the blob's own. ERR_INPUT, ERR_MEMORY.
 */
int sshkey_parse_line(
	struct span line, struct arena *arena, struct span *ret_blob);

/* "name base64" of a blob, in arena. NULL: no memory, or too long. */
const char *sshkey_line(struct arena *arena, struct span blob);

/* "SHA256:" and base64 without padding, as ssh-keygen -l prints it. */
void sshkey_fingerprint(struct span blob, char out[SSHKEY_FINGERPRINT_MAX]);

/*
 * Whether signature (a signature blob, "string algorithm, string …") is one of
 * data by key. *ret_flags: bits of a security token, else 0; a signature
 * without SSHKEY_SK_PRESENT is refused. ERR_CRYPTO where it is not good.
 */
int sshkey_verify(const struct sshkey *key, struct span signature,
	struct span data, uint8_t *ret_flags);

/*
 * The same of ssh-rsa, which is SHA-1: to look at one's own that were asked
 * for, never at somebody else's. ERR_CRYPTO where it is not good.
 */
int sshkey_verify_sha1(
	const struct sshkey *key, struct span signature, struct span data);

#endif
