/*
 * The register (gaps.md G-11): each certificate that a mount signed has a row
 * of kind LEASE_CERT below "/cert", written before the certificate leaves. It
 * is found by its serial number, listed in order of issue, and goes by itself
 * when the mount's cert_retention past its end is over.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_REGISTER_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_REGISTER_H

#include "server/engines/ssh/ca/cert_issue.h"

#define SSH_SERIAL_TEXT_MAX 17 /* hex digits and a NUL */

struct ssh_cert {
	struct lease lease;
	const char *serial; /* as clients know it: hex without zeros before */
	const char *issuer_id, *key_id, *cert_type;
	struct str_list principals;
	int64_t valid_after_s, valid_before_s;
	struct str_map critical_options, extensions;
	const char *fingerprint; /* of the key that was signed */
	const char *role, *entity_id, *display_name;
	const char *token_accessor; /* "": a batch token's */
	const char *remote_address; /* "": a Unix socket */
	int64_t revoked_s;          /* 0: not by its serial number */
};

/*
 * Write the row of a certificate; a handler's last act (req_write_then). `then`
 * gets ctx, and 0 once that is durable: the certificate may leave then.
 */
int ssh_register(struct req *req, const struct cert_issued *issued,
	req_then_fn *then, void *ctx, struct err *err);

/*
 * The same for who has more to write: draft it, insert it in a write function,
 * and call ssh_register_notice when that is durable.
 */
int ssh_register_draft(struct req *req, const struct cert_issued *issued,
	struct ssh_cert *ret_cert, struct err *err);
int ssh_register_insert(
	struct store_tx *tx, struct ssh_cert *cert, struct err *err);
void ssh_register_notice(struct req *req, const struct ssh_cert *cert);

/* The number of the rows' path. Not inside a transaction. */
int ssh_register_path(struct req *req, uint32_t *ret_path, struct err *err);

/* A serial number as a caller wrote it, in hex. ERR_INPUT (400). */
int ssh_serial_parse(
	const char *text, char out[SSH_SERIAL_TEXT_MAX], struct err *err);

/*
 * The row of a serial (as ssh_serial_parse gives it) in this mount, into req's
 * arena. ERR_ABSENT (404, empty message).
 */
int ssh_cert_find(struct store_tx *tx, struct req *req, uint32_t path,
	const char *serial, struct ssh_cert *ret_cert, struct err *err);

/* A row's own bytes as a certificate, in arena, and back (lease.data). */
int ssh_cert_decode(const struct lease *lease, struct arena *arena,
	struct ssh_cert *ret_cert, struct err *err);
int ssh_cert_encode(
	struct ssh_cert *cert, struct arena *arena, struct err *err);

#endif
