/* challenge: what to sign. */
#include "lib/sshcert.h"
#include "server/api/nonce.h"
#include "server/auth/sshkey/sshkey.h"

struct challenge_in {
	const char *public_key;
};

static const struct field challenge_fields[] = {
	FIELD_STR(struct challenge_in, public_key, .flags = FIELD_REQUIRED,
		.len_max = SSHKEY_LINE_MAX,
		.doc = "The key or certificate that will sign, as in its .pub file."),
	FIELD_END,
};

static bool
is_known(struct span blob)
{
	struct sshkey key;
	struct sshcert cert;

	return sshcert_is(blob) ? sshcert_parse(blob, &cert) == 0
				: sshkey_parse(blob, &key) == 0;
}

static int
make_challenge(struct req *req, struct reply *reply, struct err *err)
{
	const struct challenge_in *in = req->in;
	struct span blob;
	int rc = sshkey_parse_line(span_str(in->public_key), req->arena, &blob);

	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc != 0 || !is_known(blob))
		return err_set(err, ERR_INPUT, 400,
			"'public_key' is no public key or certificate of a known type");
	return nonce_reply(req, blob, SSHKEY_PURPOSE, reply, err);
}

const struct op sshkey_challenge_ops[] = {
	{
		.path = "challenge",
		.verb = OP_UPDATE,
		.flags = OP_UNAUTHENTICATED,
		.in_size = sizeof(struct challenge_in),
		.fields = challenge_fields,
		.handler = make_challenge,
		.summary = "Get a nonce to log in with a key.",
		.text = "Any key gets one, known or not. It is good for a minute and for one login with\n"
			"that key at this mount. What is signed is `message`, the nonce and the mount's\n"
			"accessor one behind the other, under `namespace`, as ssh-keygen -Y sign does.",
		.errors = { { 400, "no key, or of a type that is not known" } },
	},
	OP_END,
};
