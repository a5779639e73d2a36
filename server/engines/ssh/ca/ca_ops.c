/* config/ca: the default signing key of a mount; config/ca/rotate. */
#include "server/engines/ssh/ca/ca_key.h"
#include "server/engines/ssh/ca/tables.h"

struct ca_in {
	struct ssh_ca_key_in key;
	struct ssh_issuer_limits limits;
};

static const struct field ca_fields[] = {
	SSH_CA_KEY_FIELDS(struct ca_in, key),
	SSH_ISSUER_LIMITS_FIELDS(struct ca_in, limits),
	FIELD_END,
};

static int
read_ca(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer issuer;
	int rc = ssh_issuer_find(req, SSH_ISSUER_DEFAULT, &issuer, err);

	if (rc == ERR_INPUT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"keys haven't been configured yet");
	}
	if (rc == 0)
		ssh_issuer_show(reply, &issuer);
	return rc;
}

/* Before seconds are spent on a key; what counts is asked again. */
static int
check_unset(struct req *req, struct err *err)
{
	struct ssh_issuers issuers;
	int rc = ssh_issuers_get(NULL, req, &issuers, err);

	return rc != 0 ? rc
		       : ssh_issuer_check_default(
				 &issuers, SSH_ISSUER_AS_FIRST, false, err);
}

static int
write_ca(struct req *req, struct reply *reply, struct err *err)
{
	const struct ca_in *in = req->in;
	const struct ssh_issuer_limits none = { 0 };
	struct ssh_issuer issuer = { .name = "", .limits = in->limits };
	struct ssh_issuer_add add = { .place = SSH_ISSUER_AS_FIRST };
	bool generates = false;
	int rc = ssh_ca_key_check(req, &in->key, &generates, err);

	if (rc == 0)
		rc = ssh_issuer_limits_settle(req, &none, &issuer.limits, err);
	if (rc == 0 && generates)
		rc = check_unset(req, err);
	if (rc == 0 && generates)
		rc = ssh_ca_key_generate(
			req, in->key.key_type, in->key.key_bits, &issuer, err);
	else if (rc == 0)
		rc = ssh_ca_key_import(req, &in->key, &issuer, err);
	if (rc == 0)
		rc = ssh_ca_key_store(req, &issuer, &add, err);
	if (rc == 0 && generates)
		ssh_issuer_show(reply, &add.added);
	return rc;
}

static int
delete_ca(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer_change change = { .req = req };
	int rc = req_write(req, ssh_issuer_delete_all, &change, err);

	(void)reply;
	for (size_t i = 0; rc == 0 && i < change.n_deleted; i++)
		ssh_ca_key_forget(req, &change.deleted[i]);
	return rc;
}

/* ---- config/ca/rotate --------------------------------------------------- */

struct rotate_in {
	const char *key_type, *issuer_name;
	int64_t key_bits, retire_after;
	bool set_default;
	struct ssh_issuer_limits limits;
};

static const struct field rotate_fields[] = {
	FIELD_STR(struct rotate_in, key_type, .len_max = 64,
		.doc = "Type of the new key; that of the present one if left out."),
	FIELD_INT(struct rotate_in, key_bits, .max = SSHKEY_RSA_BITS_MAX,
		.doc = "Bits of the new key; 0 is as many, or the type's usual."),
	FIELD_STR(struct rotate_in, issuer_name, .len_max = 255,
		.doc = "Name of the new issuer."),
	FIELD_BOOL(struct rotate_in, set_default, .initial = "true",
		.doc = "False: only announce the new issuer in public_key for now."),
	SSH_ISSUER_RETIRE_FIELD(struct rotate_in, retire_after),
	SSH_ISSUER_LIMITS_FIELDS(struct rotate_in, limits),
	FIELD_END,
};

static int
generate_next(struct req *req, struct ssh_issuer *issuer, struct err *err)
{
	const struct rotate_in *in = req->in;
	struct ssh_issuer present;
	const char *type = NULL;
	int64_t bits = 0;
	int rc = ssh_issuer_find(req, SSH_ISSUER_DEFAULT, &present, err);

	if (rc == 0)
		rc = ssh_ca_key_like(&present, &type, &bits, err);
	if (rc == 0)
		rc = ssh_issuer_limits_settle(
			req, &present.limits, &issuer->limits, err);
	if (rc != 0)
		return rc;
	if (in->key_type[0] != '\0') {
		type = in->key_type;
		bits = 0;
	}
	if (in->key_bits != 0)
		bits = in->key_bits;
	return ssh_ca_key_generate(req, type, bits, issuer, err);
}

static int
rotate_ca(struct req *req, struct reply *reply, struct err *err)
{
	const struct rotate_in *in = req->in;
	struct ssh_issuer issuer = { .name = in->issuer_name,
		.limits = in->limits };
	struct ssh_issuer_add add = { .rotates = true,
		.place = in->set_default ? SSH_ISSUER_AS_DEFAULT
					 : SSH_ISSUER_ANNOUNCED,
		.retire_for_s = ssh_issuer_retire_for_s(in->retire_after) };
	int rc = 0;

	if (issuer.name[0] != '\0')
		rc = ssh_issuer_check_name(req, &issuer.name, err);
	if (rc == 0)
		rc = generate_next(req, &issuer, err);
	if (rc == 0)
		rc = ssh_ca_key_store(req, &issuer, &add, err);
	if (rc != 0)
		return rc;
	ssh_issuer_show(reply, &add.added);
	reply_str(reply, "previous_issuer_id", add.previous_id);
	reply_time_s(reply, "retire_after", add.retire_after_s);
	return 0;
}

static const struct op_out issuer_out[] = {
	{ "issuer_id", FIELD_TYPE_STR, "Id of the issuer." },
	{ "issuer_name", FIELD_TYPE_STR, "Its name, or empty." },
	{ "public_key", FIELD_TYPE_STR, "Its public half, one line." },
	SSH_ISSUER_LIMITS_OUT,
	{ NULL, FIELD_TYPE_STR, NULL },
};

static const struct op_out rotate_out[] = {
	{ "issuer_id", FIELD_TYPE_STR, "Id of the new issuer." },
	{ "issuer_name", FIELD_TYPE_STR, "Its name, or empty." },
	{ "public_key", FIELD_TYPE_STR, "Its public half, one line." },
	SSH_ISSUER_LIMITS_OUT,
	{ "previous_issuer_id", FIELD_TYPE_STR, "The default before." },
	{ "retire_after", FIELD_TYPE_STR,
		"When the former default leaves public_key; null where it is still the default." },
	{ NULL, FIELD_TYPE_STR, NULL },
};

const struct op ssh_ca_ops[] = {
	{
		.path = "config/ca",
		.verb = OP_READ,
		.handler = read_ca,
		.summary = "Read the public half of the default signing key.",
		.out = issuer_out,
		.errors = { { 400, "none is set" } },
	},
	{
		.path = "config/ca",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct ca_in),
		.fields = ca_fields,
		.handler = write_ca,
		.summary = "Generate or import the default signing key.",
		.text = "Without keys one is generated, and the answer is 200 with its public\n"
			"half; with both halves they are imported, and the answer is 204. The\n"
			"private half is sealed by the keeper, with the limits that are given,\n"
			"and never leaves it. Where a key is set already, config/ca/rotate and\n"
			"issuers/import replace it.",
		.out = issuer_out,
		.errors = { { 400,
			"a key is set already, one half is missing, the halves do not match, or a key cannot be read" } },
	},
	{
		.path = "config/ca",
		.verb = OP_DELETE,
		.handler = delete_ca,
		.summary = "Delete all issuers.",
		.text = "They sign no more and leave public_key at once. For 30 days they are\n"
			"kept, sealed, under issuers/deleted.",
	},
	{
		.path = "config/ca/rotate",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct rotate_in),
		.fields = rotate_fields,
		.handler = rotate_ca,
		.summary = "Generate a new signing key that takes over.",
		.text = "The new issuer is the default at once, and public_key lists the former\n"
			"one behind it for retire_after, so that what it signed goes on to log\n"
			"in. With set_default=false the new one is listed behind the present\n"
			"default until config/issuers makes it the default: hosts then know it\n"
			"before the first certificate comes from it. Limits that are left out\n"
			"are those of the present default.",
		.out = rotate_out,
		.errors = { { 400,
			"no key is set, the type is not known, or the name is taken" } },
	},
	OP_END,
};
