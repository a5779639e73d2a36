/* enrol: a one-time token and a public key for a host's first certificate. */
#include "lib/cidr_list.h"
#include "server/engines/ssh/hosts/enrolment.h"
#include "server/engines/ssh/hosts/host_cert.h"
#include "server/engines/ssh/hosts/host_secret.h"
#include "server/engines/ssh/hosts/tables.h"

#define REFUSED "invalid enrolment token"
#define TOKEN_MAX 255

struct enrol_in {
	struct secret_view enrolment_token;
	const char *public_key;
};

static const struct field enrol_fields[] = {
	FIELD_SECRET(struct enrol_in, enrolment_token, .flags = FIELD_REQUIRED,
		.len_max = TOKEN_MAX, .doc = "The token."),
	FIELD_STR(struct enrol_in, public_key, .flags = FIELD_REQUIRED,
		.len_max = HOST_KEY_MAX,
		.doc = "The host's key, a line as in ssh_host_*_key.pub."),
	FIELD_END,
};

struct enrolling {
	struct req *req;
	uint32_t path;
	struct enrolment enrolment;
	struct host_cert cert;
};

static int
find_token(struct store_tx *tx, void *ctx, struct err *err)
{
	struct enrolling *enrolling = ctx;
	const struct enrol_in *in = enrolling->req->in;

	return enrolment_by_text(tx, enrolling->req, enrolling->path,
		in->enrolment_token, &enrolling->enrolment, err);
}

/* What is spent or has ended was ours, and is no guess. */
static int
refuse(const struct enrolling *enrolling, struct err *err)
{
	struct req *req = enrolling->req;
	const struct enrol_in *in = req->in;

	if (!enrolment_was_ours(req, enrolling->path, in->enrolment_token))
		return host_refuse(req, REFUSED, "no token of ours", err);
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, REFUSED);
}

static int
read_token(struct enrolling *enrolling, struct err *err)
{
	struct req *req = enrolling->req;
	int rc = enrolment_path(req, &enrolling->path, err);

	if (rc == 0)
		rc = req_read(req, find_token, enrolling, err);
	if (rc == ERR_ABSENT)
		return refuse(enrolling, err);
	if (rc == 0 &&
		!cidr_list_allows(&enrolling->enrolment.cidr_list, &req->peer))
		return host_refuse(req, REFUSED,
			"the enrolment token is for other addresses", err);
	return rc;
}

/*
 * One caller wins: the row is found live and taken away together with what is
 * granted for it. Keys and secrets of a former enrolment are of no more use;
 * its live certificates stay known, so that they go with the host.
 */
static int
enrol_host(struct store_tx *tx, void *ctx, struct err *err)
{
	struct enrolling *enrolling = ctx;
	struct host_cert *cert = &enrolling->cert;
	struct ssh_host host;
	int rc = find_token(tx, enrolling, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, REFUSED);
	}
	if (rc == 0)
		rc = lease_delete(tx, &enrolling->enrolment.lease, err);
	if (rc == 0)
		rc = host_get_or_new(
			tx, enrolling->req, cert->host, &host, err);
	if (rc != 0)
		return rc;
	host.secret_mac = host.former_mac = "";
	host.enrolled_s = tx_now_s(tx);
	host.renewed_s = host.krl_version = host.retry_count = 0;
	host.reported_s = 0;
	host.last_error = "";
	return host_cert_store(tx, cert, &host, err);
}

static int
enrol(struct req *req, struct reply *reply, struct err *err)
{
	struct enrolling *enrolling = ARENA_NEW(req->arena, struct enrolling);
	const struct enrol_in *in = req->in;
	int rc;

	if (enrolling == NULL)
		return err_set_memory(err);
	enrolling->req = req;
	rc = read_token(enrolling, err);
	if (rc != 0)
		return rc;
	enrolling->cert = (struct host_cert){ .req = req,
		.host = enrolling->enrolment.host,
		.role = enrolling->enrolment.role,
		.principals = enrolling->enrolment.principals,
		.public_key = in->public_key };
	rc = host_cert_make(&enrolling->cert, err);
	if (rc == 0)
		rc = req_write(req, enrol_host, enrolling, err);
	if (rc == 0)
		host_cert_reply(reply, &enrolling->cert);
	return rc;
}

const struct op ssh_enrol_ops[] = {
	{
		.path = "enrol",
		.verb = OP_UPDATE,
		.flags = OP_UNAUTHENTICATED,
		.in_size = sizeof(struct enrol_in),
		.fields = enrol_fields,
		.handler = enrol,
		.summary = "Enrol a host: its first certificate for a token.",
		.text = "Asked by the host itself. The token is good for one such answer; a public\n"
			"key that is refused does not use it up.",
		.out = host_cert_out,
		.errors = { { 400, "no such token, or no key that the role takes" },
			{ 429, "too many unknown tokens from this address" } },
	},
	OP_END,
};
