/*
 * Key pairs of SSH: made, read from the private forms that ssh-keygen and
 * openssl write, written again, and signed with. Ed25519 by libsodium, RSA and
 * ECDSA by OpenSSL. The private half lies in guarded memory, or in OpenSSL's.
 */
#ifndef SALLYPORT_LIB_SSHKEYPAIR_H
#define SALLYPORT_LIB_SSHKEYPAIR_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/secret.h"

#define SSHKEYPAIR_TEXT_MAX 32768 /* bytes of a private key's text */

struct sshkey_kind;
struct sshkeypair;

/*
 * A new pair. type: "rsa", "ec", "ed25519", or an OpenSSH name ("ssh-rsa",
 * "ecdsa-sha2-nistp384"); bits 0: 4096 for RSA, 256 for "ec". RSA takes up to
 * seconds: not on a thread that others wait for. ERR_INPUT (400) with the texts
 * of spec/ssh-engine.md 9 for what cannot be made.
 */
int sshkeypair_generate(const char *type, unsigned bits,
	struct sshkeypair **ret_pair, struct err *err);

/*
 * A pair from the text of a private key: OpenSSH's form, PKCS#1, SEC1 or
 * PKCS#8 in PEM; text around the block and CR LF are fine. ERR_INPUT (400)
 * that says what was wrong: encrypted, DSA, too small, not a key.
 */
int sshkeypair_parse(
	struct secret_view text, struct sshkeypair **ret_pair, struct err *err);
void sshkeypair_free(struct sshkeypair **pair);

/*
 * The same where PEM says that a passphrase is needed: PKCS#8 with PBES2 or
 * PBES1, or the headers of old. ERR_INPUT also for a wrong passphrase, which is
 * not told from damage. OpenSSH's own encryption is not read: sshkeypair_parse
 * says that such a key is encrypted.
 */
bool sshkeypair_needs_passphrase(struct secret_view text);
int sshkeypair_parse_encrypted(struct secret_view text,
	struct secret_view passphrase, struct sshkeypair **ret_pair,
	struct err *err);

/* The blob of its public half; lives as long as the pair. */
struct span sshkeypair_public(const struct sshkeypair *pair);

enum sshkeypair_form {
	SSHKEYPAIR_OPENSSH,     /* "OPENSSH PRIVATE KEY" */
	SSHKEYPAIR_TRADITIONAL, /* PKCS#1 or SEC1; Ed25519 as above */
	SSHKEYPAIR_PKCS8        /* "PRIVATE KEY" */
};

/* Append the private half as PEM text; the caller wipes out. */
int sshkeypair_write(const struct sshkeypair *pair, enum sshkeypair_form form,
	const char *comment, struct buf *out, struct err *err);

/* The same as PKCS#8 sealed with a passphrase (PBES2, AES-256-CBC). */
int sshkeypair_write_encrypted(const struct sshkeypair *pair,
	struct secret_view passphrase, struct buf *out, struct err *err);

/*
 * Whether keys of a kind sign by an algorithm; NULL or "": rsa-sha2-256, or the
 * one that the key has. ERR_INPUT (400) 'ssh: unsupported signature algorithm
 * "x" for key format "y"'. ssh-rsa (SHA-1) only where the caller says
 * allow_sha1.
 */
int sshkeypair_check_algorithm(const struct sshkey_kind *kind,
	const char *algorithm, bool allow_sha1, struct err *err);

/*
 * Append a signature blob ("string algorithm, string …") of data. ERR_INPUT as
 * above.
 */
int sshkeypair_sign(const struct sshkeypair *pair, const char *algorithm,
	bool allow_sha1, struct span data, struct buf *out, struct err *err);

#endif
