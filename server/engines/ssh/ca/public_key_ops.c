/* public_key: what hosts put into TrustedUserCAKeys, without a token. */
#include "server/engines/ssh/ca/issuer.h"
#include "server/engines/ssh/ca/tables.h"
#include "server/engines/ssh/ca/trusted_keys.h"

static int
read_public_key(struct req *req, struct reply *reply, struct err *err)
{
	struct span text;
	int rc = ssh_trusted_keys(req, &text, err);

	if (rc != 0)
		return rc;
	reply_tagged(reply, "text/plain", text);
	return 0;
}

/* Of one that was deleted too, by its id, as long as it is kept. */
static int
read_issuer_public_key(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer issuer;
	int rc = ssh_issuer_find_kept(
		req, req_capture(req, "issuer_ref"), &issuer, err);

	if (rc != 0)
		return rc;
	reply_tagged(reply, "text/plain", span_str(issuer.public_key));
	return 0;
}

const struct op ssh_public_key_ops[] = {
	{
		.path = "public_key",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED | OP_RAW,
		.handler = read_public_key,
		.summary = "Fetch the keys that hosts trust, as plain text.",
		.text = "One line, the default issuer's. During a rotation those follow that are\n"
			"announced or were the default not long ago. For sshd's\n"
			"TrustedUserCAKeys: curl -f -o /etc/ssh/trusted.pem .../public_key.",
		.errors = { { 404, "there is no default issuer" } },
	},
	{
		.path = "issuer/:issuer_ref/public_key",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED | OP_RAW,
		.handler = read_issuer_public_key,
		.summary = "Fetch the public key of one issuer, as plain text.",
		.text = "Of a deleted one too, by its id, as long as it is kept.",
		.errors = { { 400, "there is no such issuer" } },
	},
	OP_END,
};
