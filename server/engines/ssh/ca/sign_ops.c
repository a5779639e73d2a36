/* sign/:role: a certificate for a key that the caller has. */
#include "server/engines/ssh/ca/cert_issue.h"
#include "server/engines/ssh/ca/cert_key.h"
#include "server/engines/ssh/ca/explain_cert.h"
#include "server/engines/ssh/ca/register.h"
#include "server/engines/ssh/ca/tables.h"

#define PUBLIC_KEY_MAX 32768

struct sign_in {
	const char *public_key;
	struct cert_wish wish;
};

static const struct field sign_fields[] = {
	FIELD_STR(struct sign_in, public_key, .len_max = PUBLIC_KEY_MAX,
		.doc = "The key to sign, a line as in *.pub or its base64 alone. Required."),
	CERT_WISH_FIELDS(struct sign_in, wish),
	FIELD_END,
};

static int
show_signed(UNUSED struct req *req, void *ctx, int rc, struct reply *reply,
	UNUSED struct err *err)
{
	if (rc == 0)
		cert_reply(reply, ctx);
	return rc;
}

static int
register_signed(struct req *req, void *ctx, int rc, UNUSED struct reply *reply,
	struct err *err)
{
	return rc != 0 ? rc : ssh_register(req, ctx, show_signed, ctx, err);
}

/* Steps 2 to 4 of spec/ssh-engine.md 8.2. */
static int
read_key(struct req *req, const struct ssh_role *role, struct span *ret_blob,
	struct err *err)
{
	const struct sign_in *in = req->in;
	struct cert_key key;
	int rc;

	if (in->public_key[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing public_key");
	rc = cert_key_parse(in->public_key, req->arena, &key, err);
	if (rc == 0)
		rc = cert_key_check(role, &key, err);
	if (rc == 0)
		*ret_blob = key.blob;
	return rc;
}

static int
sign_under(struct req *req, const struct ssh_role *role, struct reply *reply,
	struct err *err)
{
	struct cert_issued *issued = ARENA_NEW(req->arena, struct cert_issued);
	const struct sign_in *in = req->in;
	struct cert_decision decision = { .n_true = 0 };
	struct span key;
	int rc;

	if (issued == NULL)
		return err_set_memory(err);
	rc = read_key(req, role, &key, err);
	if (rc == 0)
		rc = cert_decide(req, role, key, &in->wish, &decision, err);
	if (in->wish.explain)
		return explain_cert(req, role, &decision, rc, reply, err);
	return rc != 0 ? rc
		       : cert_issue_then(req, role, &decision, issued,
				 register_signed, issued, err);
}

static int
sign_key(struct req *req, struct reply *reply, struct err *err)
{
	return cert_under_role(req, "Unknown role: ", sign_under, reply, err);
}

const struct op ssh_sign_ops[] = {
	{
		.path = "sign/:role",
		.verb = OP_UPDATE,
		.flags = OP_ONE_WRITE,
		.in_size = sizeof(struct sign_in),
		.fields = sign_fields,
		.handler = sign_key,
		.summary = "Sign a public key: a user or host certificate.",
		.text = "The certificate is good for the principals, the time and the options\n"
			"that the role allows; it has no lease and ends by itself.",
		.out = (const struct op_out[]){ { "serial_number",
							FIELD_TYPE_STR,
							"Serial, in hex." },
			{ "signed_key", FIELD_TYPE_STR,
				"The certificate, a line as in *-cert.pub." },
			{ "issuer_id", FIELD_TYPE_STR, "Who signed." },
			EXPLAIN_CERT_OUT, { NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400, "no such role, or it or the issuer does not allow what was asked" },
			{ 429, "the issuer has signed too many of late" } },
	},
	OP_END,
};
