/*
 * What is revoked in a mount (gaps.md G-10): certificates by serial number, as
 * rows below "/cert-revoked" that go a day after the certificate's own end, so
 * that the revocation list stays small; key ids and keys as records, until an
 * operator takes them away. Every change counts up the list's version in its
 * own transaction.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_REVOCATION_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_REVOCATION_H

#include "server/api/record_ops.h"
#include "server/engines/ssh/ca/register.h"

/* For hosts whose clock is behind: a serial is listed so long past its end. */
#define SSH_REVOKED_SLACK_S INT64_C(86400)

#define SSH_REVOCATIONS_RECORD "revocations"

/* The version of the list, or what it is before the first change. */
struct ssh_revocations {
	int64_t version; /* microseconds since 1970, or more */
	int64_t changed_s;
	int64_t epoch; /* of the store when it was counted up */
};

/*
 * Count the version up: past the last one and past the clock, so that it does
 * not fall where an older store is put back. In a transaction of the mount's.
 */
int ssh_revocations_touch(
	struct store_tx *tx, struct req *req, struct err *err);

/* A revoked key id or key, by the record's name (ssh_revoked_id). */
struct ssh_revoked {
	const char *kind; /* "key_id" or "public_key" */
	const char *key_id;
	const char *issuer_id;   /* of a key id: this issuer's; "": all */
	const char *public_key;  /* a line without comment */
	const char *fingerprint; /* of it */
	int64_t revoked_s;
};

/* The record's name, into the request's arena; NULL: no memory. */
const char *ssh_revoked_id(struct req *req, const struct ssh_revoked *revoked);

/* Revoke it. *ret_revoked_s: when that was, maybe long ago. */
int ssh_revoke_record(struct store_tx *tx, struct req *req,
	const struct ssh_revoked *revoked, int64_t *ret_revoked_s,
	struct err *err);

/* Since when this key id or key is revoked; 0: it is not. */
int ssh_revoked_since(struct store_tx *tx, struct req *req,
	const struct ssh_revoked *what, int64_t *ret_since_s, struct err *err);

/* The paths of rows, numbered outside transactions. */
struct ssh_cert_paths {
	uint32_t cert, revoked;
};

int ssh_cert_paths_get(
	struct req *req, struct ssh_cert_paths *ret_paths, struct err *err);

/*
 * Revoke a certificate that was found in this transaction by its serial
 * number; one that is revoked keeps its time. Its new bytes lie in the arena.
 */
int ssh_revoke_cert(struct store_tx *tx, struct req *req,
	const struct ssh_cert_paths *paths, struct ssh_cert *cert,
	struct arena *arena, struct err *err);

/* What a row below "/cert-revoked" says. ERR_INTERNAL. */
int ssh_revoked_row_decode(const struct lease *lease, uint64_t *ret_serial,
	char ret_issuer_id[37], struct err *err);

/*
 * Since when a certificate is revoked, in whichever way; 0: it is not.
 * *ret_by: "serial_number", "key_id" or "public_key".
 */
int ssh_cert_revoked_since(struct store_tx *tx, struct req *req,
	const struct ssh_cert *cert, int64_t *ret_since_s, const char **ret_by,
	struct err *err);

/*
 * Whether the key, or the key id, of a certificate that is to be signed is
 * revoked. Outside transactions. ERR_INPUT (400) says which.
 */
int ssh_revocation_check_new(struct req *req, const struct sshcert_parts *parts,
	const char *issuer_id, struct err *err);

extern const struct record_type ssh_revoked_record;     /* ssh_revoked */
extern const struct record_type ssh_revocations_record; /* the version */

#endif
