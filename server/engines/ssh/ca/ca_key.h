/*
 * The key of a new issuer: made by the keeper, or taken from what the caller
 * sent (spec/ssh-engine.md 10.1).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_CA_KEY_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_CA_KEY_H

#include "lib/sshkey.h"
#include "lib/sshkeypair.h"
#include "server/engines/ssh/ca/issuer_change.h"

struct ssh_ca_key_in {
	struct secret_view private_key;
	const char *public_key;
	bool generate_signing_key;
	const char *key_type;
	int64_t key_bits;
};

/* Rows of fields of member, which is a struct ssh_ca_key_in. */
#define SSH_CA_KEY_TYPE(record, member, def, text)                             \
	FIELD_AS(STR, record, member.key_type, "key_type", .len_max = 64,      \
		.initial = (def), .doc = (text)),                              \
		FIELD_AS(INT, record, member.key_bits, "key_bits",             \
			.max = SSHKEY_RSA_BITS_MAX,                            \
			.doc = "Bits of a key that is generated; 0 is 4096 for RSA, 256 for \"ec\".")
#define SSH_CA_KEY_FIELDS(record, member)                                                                 \
	FIELD_AS(SECRET, record, member.private_key, "private_key",                                       \
		.len_max = SSHKEYPAIR_TEXT_MAX,                                                           \
		.doc = "Private half to import: OpenSSH's form, PKCS#1, SEC1 or PKCS#8, not encrypted."), \
		FIELD_AS(STR, record, member.public_key, "public_key",                                    \
			.len_max = SSHKEY_LINE_MAX,                                                       \
			.doc = "Public half to import, one line, kept byte for byte."),                   \
		FIELD_AS(BOOL, record, member.generate_signing_key,                                       \
			"generate_signing_key",                                                           \
			.doc = "Whether a key is generated; left out: where none is sent."),              \
		SSH_CA_KEY_TYPE(record, member, "ssh-rsa",                                                \
			"Type of a key that is generated: rsa, ec, ed25519, or an OpenSSH name.")

/* Whether a key is to be generated. Refuses what does not fit together. */
int ssh_ca_key_check(struct req *req, const struct ssh_ca_key_in *in,
	bool *ret_generates, struct err *err);

/*
 * Fill in the key of an issuer, private half sealed with its limits, in the
 * request's arena. Generating RSA takes up to seconds: on the slow pool only.
 */
int ssh_ca_key_generate(struct req *req, const char *type, int64_t bits,
	struct ssh_issuer *issuer, struct err *err);
int ssh_ca_key_import(struct req *req, const struct ssh_ca_key_in *in,
	struct ssh_issuer *issuer, struct err *err);

/* Draw an id and add the issuer, whose key and name are there. */
int ssh_ca_key_store(struct req *req, struct ssh_issuer *issuer,
	struct ssh_issuer_add *add, struct err *err);

/* Seal the issuer's key again with limits that are tighter, or ERR_INPUT. */
int ssh_ca_key_narrow(struct req *req, struct ssh_issuer *issuer,
	const struct ssh_issuer_limits *limits, struct err *err);

/* It is deleted: its key leaves the keeper. */
void ssh_ca_key_forget(struct req *req, const struct ssh_issuer *issuer);

/* Type and bits of another key like this one. */
int ssh_ca_key_like(const struct ssh_issuer *issuer, const char **ret_type,
	int64_t *ret_bits, struct err *err);

#endif
