/* issue/:role: a new key pair and a certificate for it. */
#include "lib/sshkeypair.h"
#include "server/engines/ssh/cert_issue.h"
#include "server/engines/ssh/cert_key.h"
#include "server/engines/ssh/options.h"
#include "server/engines/ssh/tables.h"

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

/* The private half as PEM, in the answer alone. */
static int
reply_private_key(
	struct reply *reply, const struct sshkeypair *pair, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	rc = sshkeypair_write(pair, SSHKEYPAIR_TRADITIONAL, "", &text, err);
	if (rc == 0)
		reply_span(reply, "private_key", buf_span(&text));
	buf_clear(&text);
	return rc;
}

static int
issue_pair(struct req *req, const struct ssh_role *role, const char *key_type,
	struct reply *reply, struct err *err)
{
	const struct issue_in *in = req->in;
	struct sshkeypair *pair = NULL;
	struct cert_issued issued;
	int rc = sshkeypair_generate(
		key_type, (unsigned)in->key_bits, &pair, err);

	if (rc == 0)
		rc = cert_issue(req, role, sshkeypair_public(pair), &in->wish,
			&issued, err);
	if (rc == 0)
		rc = reply_private_key(reply, pair, err);
	if (rc == 0) {
		cert_reply(reply, &issued);
		reply_str(reply, "private_key_type", key_type);
	}
	sshkeypair_free(&pair);
	return rc;
}

static int
issue_under(struct req *req, const struct ssh_role *role, struct reply *reply,
	struct err *err)
{
	const struct issue_in *in = req->in;
	const char *key_type =
		in->key_type[0] != '\0' ? in->key_type : KEY_TYPE_DEFAULT;
	int rc;

	if (!ssh_role_is_ca(role))
		return err_set(err, ERR_INPUT, 400,
			"role key type '%s' not allowed to issue key pairs",
			role->key_type);
	rc = check_wrapping(req, role, err);
	if (rc == 0)
		rc = cert_key_check_new(role, key_type, in->key_bits, err);
	if (rc == 0)
		rc = issue_pair(req, role, key_type, reply, err);
	return rc;
}

static int
issue_key(struct req *req, struct reply *reply, struct err *err)
{
	const struct ssh_role *role = NULL;
	struct compiled *ref = NULL;
	int rc = cert_find_role(req, "unknown role: ", &ref, &role, err);

	if (rc == 0)
		rc = issue_under(req, role, reply, err);
	compiled_unref(&ref);
	return rc;
}

const struct op ssh_issue_ops[] = {
	{
		.path = "issue/:role",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
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
			{ NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400,
			"no such role, or it does not allow what was asked" } },
	},
	OP_END,
};
