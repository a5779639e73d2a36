/* enrol/challenge, enrol/renew: a new certificate for who holds the host key.
 */
#include <string.h>

#include "lib/log.h"
#include "server/api/key_proof.h"
#include "server/api/nonce.h"
#include "server/core/expire.h"
#include "server/engines/ssh/ca/revocation.h"
#include "server/engines/ssh/hosts/host_cert.h"
#include "server/engines/ssh/hosts/host_secret.h"
#include "server/engines/ssh/hosts/tables.h"
#include "server/engines/ssh/records/options.h"

#define PURPOSE "renew" /* of its nonces */
#define REFUSED "invalid host, nonce or signature"
#define HOST_MAX 255

/* ---- challenge ---------------------------------------------------------- */

struct challenge_in {
	const char *host;
};

static const struct field challenge_fields[] = {
	FIELD_STR(struct challenge_in, host, .flags = FIELD_REQUIRED,
		.len_max = HOST_MAX, .doc = "Name of the host."),
	FIELD_END,
};

/* Nothing is looked up: no answer tells whether the host is known. */
static int
make_challenge(struct req *req, struct reply *reply, struct err *err)
{
	const struct challenge_in *in = req->in;
	const char *host = NULL;
	int rc = host_name_check(req->arena, in->host, &host, err);

	return rc != 0 ? rc
		       : nonce_reply(req, span_str(host), PURPOSE, reply, err);
}

/* ---- renew -------------------------------------------------------------- */

struct renew_in {
	const char *host, *nonce, *signature, *public_key;
};

static const struct field renew_fields[] = {
	FIELD_STR(struct renew_in, host, .flags = FIELD_REQUIRED,
		.len_max = HOST_MAX, .doc = "Name of the host."),
	FIELD_STR(struct renew_in, nonce, .flags = FIELD_REQUIRED,
		.len_max = NONCE_TEXT_MAX,
		.doc = "The nonce of a challenge, unchanged."),
	FIELD_STR(struct renew_in, signature, .flags = FIELD_REQUIRED,
		.len_max = KEY_PROOF_TEXT_MAX,
		.doc = "SSH signature by the current host key, armoured or as base64."),
	FIELD_STR(struct renew_in, public_key, .len_max = HOST_KEY_MAX,
		.doc = "A new host key; the current one if left out."),
	FIELD_END,
};

/* A renewal on its way; in the request's arena. */
struct renewing {
	struct req *req;
	const char *name;
	const char *signer; /* the key that signed, "name base64" */
	struct nonce nonce;
	uint32_t certs; /* path of the register */
	int64_t grace_s;
	struct ssh_host host; /* as last read */
	const char *why;      /* it is no proof, for the log */
	struct host_cert cert;
};

/* The certificate that it has now lets it have the next. */
static int
check_current(
	struct store_tx *tx, const struct renewing *renewing, struct err *err)
{
	struct req *req = renewing->req;
	const char *serial = renewing->host.serial, *by = "";
	struct ssh_cert cert;
	int64_t since_s = 0;
	int rc = ssh_cert_find(tx, req, renewing->certs, serial, &cert, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"the current certificate is not in the register any more: enrol the host again");
	}
	if (rc == 0)
		rc = ssh_cert_revoked_since(tx, req, &cert, &since_s, &by, err);
	if (rc != 0)
		return rc;
	if (since_s != 0)
		return err_set(err, ERR_INPUT, 400,
			"the current certificate is revoked: enrol the host again");
	if (tx_now_s(tx) - renewing->grace_s >= cert.valid_before_s)
		return err_set(err, ERR_INPUT, 400,
			"the current certificate ended too long ago: enrol the host again");
	return 0;
}

/* The host, where it is the signer's. ERR_ABSENT, and why, where not. */
static int
look_at_host(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renewing *renewing = ctx;
	struct ssh_host *host = &renewing->host;
	int rc = host_get(tx, renewing->req, renewing->name, host, err);

	renewing->why = "no such host";
	if (rc != 0)
		return rc;
	renewing->why = "not by the host's current key";
	if (!host_is_enrolled(host) ||
		strcmp(host->public_key, renewing->signer) != 0)
		return ERR_ABSENT;
	return check_current(tx, renewing, err);
}

/* Who signed the nonce, and that it is one for this host. */
static int
read_proof(struct renewing *renewing, struct err *err)
{
	struct req *req = renewing->req;
	const struct renew_in *in = req->in;
	struct key_proof proof;
	struct span blob;
	int rc = key_proof_read(
		req, in->signature, in->nonce, PURPOSE, &proof, err);

	renewing->why = "the signature is not good";
	if (rc == ERR_CRYPTO)
		return ERR_ABSENT;
	if (rc == 0)
		rc = key_proof_key(req, &proof, &blob, err);
	if (rc != 0)
		return rc;
	renewing->signer = sshkey_line(req->arena, blob);
	if (renewing->signer == NULL)
		return err_set_memory(err);
	renewing->why = "the nonce is not for this host";
	return nonce_check(req, span_str(in->nonce), span_str(renewing->name),
		&renewing->nonce, err);
}

/* All that is known before anything is signed. */
static int
prepare(struct renewing *renewing, struct err *err)
{
	struct req *req = renewing->req;
	const struct renew_in *in = req->in;
	struct ssh_options options;
	int rc = host_name_check(req->arena, in->host, &renewing->name, err);

	if (rc == 0)
		rc = read_proof(renewing, err);
	if (rc == 0)
		rc = ssh_options_get(req, &options, err);
	if (rc == 0)
		rc = ssh_register_path(req, &renewing->certs, err);
	if (rc != 0)
		return rc;
	renewing->grace_s = options.renewal_grace;
	rc = req_read(req, look_at_host, renewing, err);
	if (rc != 0)
		return rc;
	renewing->cert = (struct host_cert){ .req = req,
		.host = renewing->name,
		.role = renewing->host.role,
		.principals = renewing->host.principals,
		.public_key = in->public_key[0] != '\0'
			? in->public_key
			: renewing->host.public_key };
	return 0;
}

/*
 * Decided again on what stands there now: the nonce is unused, and the host has
 * the key and the certificate that were looked at.
 */
static int
renew_host(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renewing *renewing = ctx;
	const char *serial = renewing->host.serial;
	int rc = nonce_use(tx, &renewing->nonce, err);

	renewing->why = "the nonce is used, or its time is over";
	if (rc == 0)
		rc = look_at_host(tx, renewing, err);
	if (rc == 0 && strcmp(serial, renewing->host.serial) != 0) {
		renewing->why = "another renewal came first";
		rc = ERR_ABSENT;
	}
	if (rc != 0)
		return rc;
	renewing->host.renewed_s = tx_now_s(tx);
	return host_cert_store(tx, &renewing->cert, &renewing->host, err);
}

static int
renew(struct req *req, struct reply *reply, struct err *err)
{
	struct renewing *renewing = ARENA_NEW(req->arena, struct renewing);
	int rc;

	if (renewing == NULL)
		return err_set_memory(err);
	renewing->req = req;
	rc = prepare(renewing, err);
	if (rc == 0)
		rc = host_cert_make(&renewing->cert, err);
	if (rc == 0)
		rc = req_write(req, renew_host, renewing, err);
	if (rc == ERR_ABSENT)
		return host_refuse(req, REFUSED, renewing->why, err);
	if (rc != 0)
		return rc;
	expire_notice(req->server->expire, renewing->nonce.end_s);
	host_cert_reply(reply, &renewing->cert);
	return 0;
}

const struct op ssh_renew_ops[] = {
	{
		.path = "enrol/challenge",
		.verb = OP_UPDATE,
		.flags = OP_UNAUTHENTICATED | OP_SMALL_BODY,
		.in_size = sizeof(struct challenge_in),
		.fields = challenge_fields,
		.handler = make_challenge,
		.summary = "Get a nonce to renew a host's certificate.",
		.text = "Every name gets one, known or not. It is good for a minute and for one\n"
			"renewal. What is signed is message, the nonce and the mount's accessor one\n"
			"behind the other, under namespace, as ssh-keygen -Y sign does.",
		.errors = { { 400, "no name that a host may have" } },
	},
	{
		.path = "enrol/renew",
		.verb = OP_UPDATE,
		.flags = OP_UNAUTHENTICATED,
		.in_size = sizeof(struct renew_in),
		.fields = renew_fields,
		.handler = renew,
		.summary = "Renew a host's certificate, or change its key.",
		.text = "By a signature of the key that has the current certificate, which may have\n"
			"ended within renewal_grace (config/options).",
		.out = host_cert_out,
		.errors = { { 400, "no proof of the host's key, a revoked certificate, or no key that the role takes" },
			{ 429, "too many refusals for this address" } },
	},
	OP_END,
};
