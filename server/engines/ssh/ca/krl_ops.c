/* krl, issuer/:issuer_ref/krl: what hosts put into RevokedKeys. */
#include "server/engines/ssh/ca/issuer.h"
#include "server/engines/ssh/ca/krl.h"
#include "server/engines/ssh/ca/tables.h"

static int
read_krl(struct req *req, struct reply *reply, struct err *err)
{
	return ssh_krl_reply(req, "", reply, err);
}

static int
read_issuer_krl(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer issuer;
	int rc = ssh_issuer_find_kept(
		req, req_capture(req, "issuer_ref"), &issuer, err);

	return rc != 0 ? rc : ssh_krl_reply(req, issuer.id, reply, err);
}

const struct op ssh_krl_ops[] = {
	{
		.path = "krl",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED | OP_RAW,
		.handler = read_krl,
		.summary = "Fetch the key revocation list, in OpenSSH's form.",
		.text = "For sshd's RevokedKeys. Whatever revoke answered before is in it, and its\n"
			"version never falls. sshd refuses every key where the file is missing or\n"
			"broken: check it with ssh-keygen -Q and replace it in one step.",
	},
	{
		.path = "issuer/:issuer_ref/krl",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED | OP_RAW,
		.handler = read_issuer_krl,
		.summary =
			"Fetch the key revocation list of one issuer, in OpenSSH's form.",
		.text = "Its certificates, and every key that is revoked in the mount. Of a\n"
			"deleted issuer too, by its id, as long as it is kept.",
		.errors = { { 400, "there is no such issuer" } },
	},
	OP_END,
};
