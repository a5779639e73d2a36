/* issue/:role: a new key pair and a certificate for it. */
#include "lib/sshkeypair.h"
#include "server/engines/ssh/ca/cert_issue.h"
#include "server/engines/ssh/ca/cert_key.h"
#include "server/engines/ssh/ca/explain_cert.h"
#include "server/engines/ssh/ca/register.h"
#include "server/engines/ssh/ca/tables.h"
#include "server/engines/ssh/records/options.h"

#define KEY_TYPE_DEFAULT "rsa"

struct issue_in {
	const char *key_type;
	int64_t key_bits;
	struct cert_wish wish;
};

static const struct field issue_fields[] = {
	FIELD_STR(struct issue_in, key_type, .len_max = 64,
		.doc = "\"rsa\" (default), \"ec\", \"ed25519\", or OpenSSH's name of a type."),
	FIELD_INT(struct issue_in, key_bits, .max = 16384,
		.doc = "Size of the key; 0 is 4096 for rsa, 256 for ec."),
	CERT_WISH_FIELDS(struct issue_in, wish),
	FIELD_END,
};

static const char *
wanted_type(const struct req *req)
{
	const struct issue_in *in = req->in;

	return in->key_type[0] != '\0' ? in->key_type : KEY_TYPE_DEFAULT;
}

/* A private key may have to travel wrapped. */
static int
check_wrapping(struct req *req, const struct ssh_role *role, struct err *err)
{
	struct ssh_options options;
	int rc = ssh_options_get(req, &options, err);

	if (rc != 0 || req->wrap_ttl_s > 0 ||
		(!options.issue_requires_wrapping &&
			!role->issue_requires_wrapping))
		return rc;
	return err_set(err, ERR_INPUT, 400,
		"issue_requires_wrapping is set: ask for a wrapped answer (X-Vault-Wrap-TTL)");
}

/* A pair and its certificate, on their way into the register. */
struct issuing {
	struct cert_issued issued;
	struct span private_key; /* PEM */
	const char *key_type;
};

/* The private half, in the request's arena and in the answer alone. */
static int
keep_private_key(struct req *req, const struct sshkeypair *pair,
	struct issuing *issuing, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	rc = sshkeypair_write(pair, SSHKEYPAIR_TRADITIONAL, "", &text, err);
	if (rc == 0) {
		issuing->private_key = arena_dup(req->arena, buf_span(&text));
		if (issuing->private_key.data == NULL)
			rc = err_set_memory(err);
	}
	buf_clear(&text);
	return rc;
}

static int
show_issued(UNUSED struct req *req, void *ctx, int rc, struct reply *reply,
	UNUSED struct err *err)
{
	const struct issuing *issuing = ctx;

	if (rc != 0)
		return rc;
	reply_span(reply, "private_key", issuing->private_key);
	cert_reply(reply, &issuing->issued);
	reply_str(reply, "private_key_type", issuing->key_type);
	return 0;
}

static int
issue_for(struct req *req, const struct ssh_role *role,
	const struct sshkeypair *pair, const struct cert_decision *decision,
	struct err *err)
{
	struct issuing *issuing = ARENA_NEW(req->arena, struct issuing);
	int rc;

	if (issuing == NULL)
		return err_set_memory(err);
	issuing->key_type = wanted_type(req);
	rc = cert_issue(req, role, decision, &issuing->issued, err);
	if (rc == 0)
		rc = keep_private_key(req, pair, issuing, err);
	return rc != 0 ? rc
		       : ssh_register(req, &issuing->issued, show_issued,
				 issuing, err);
}

/* What stands in the way of any pair, and a pair. */
static int
make_pair(struct req *req, const struct ssh_role *role,
	struct sshkeypair **ret_pair, struct err *err)
{
	const struct issue_in *in = req->in;
	const char *type = wanted_type(req);
	int rc;

	if (!ssh_role_is_ca(role))
		return err_set(err, ERR_INPUT, 400,
			"role key type '%s' not allowed to issue key pairs",
			role->key_type);
	rc = check_wrapping(req, role, err);
	if (rc == 0)
		rc = cert_key_check_new(role, type, in->key_bits, err);
	return rc != 0 ? rc
		       : sshkeypair_generate(
				 type, (unsigned)in->key_bits, ret_pair, err);
}

static int
issue_under(struct req *req, const struct ssh_role *role, struct reply *reply,
	struct err *err)
{
	const struct issue_in *in = req->in;
	struct cert_decision decision = { .n_true = 0 };
	struct sshkeypair *pair = NULL;
	int rc = make_pair(req, role, &pair, err);

	if (rc == 0)
		rc = cert_decide(req, role, sshkeypair_public(pair), &in->wish,
			&decision, err);
	if (in->wish.explain)
		rc = explain_cert(req, role, &decision, rc, reply, err);
	else if (rc == 0)
		rc = issue_for(req, role, pair, &decision, err);
	sshkeypair_free(&pair);
	return rc;
}

static int
issue_key(struct req *req, struct reply *reply, struct err *err)
{
	return cert_under_role(req, "unknown role: ", issue_under, reply, err);
}

const struct op ssh_issue_ops[] = {
	{
		.path = "issue/:role",
		.verb = OP_UPDATE,
		.flags = OP_SLOW | OP_ONE_WRITE,
		.in_size = sizeof(struct issue_in),
		.fields = issue_fields,
		.handler = issue_key,
		.summary = "Make a key pair and a certificate for it.",
		.text = "The private key is in this answer alone: it is not stored.",
		.out = (const struct op_out[]){ { "serial_number",
							FIELD_TYPE_STR,
							"Serial, in hex." },
			{ "signed_key", FIELD_TYPE_STR,
				"The certificate, a line as in *-cert.pub." },
			{ "issuer_id", FIELD_TYPE_STR, "Who signed." },
			{ "private_key", FIELD_TYPE_SECRET,
				"The private key, PEM." },
			{ "private_key_type", FIELD_TYPE_STR,
				"key_type as asked." },
			EXPLAIN_CERT_OUT, { NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400, "no such role, or it or the issuer does not allow what was asked" },
			{ 429, "the issuer has signed too many of late" } },
	},
	OP_END,
};
