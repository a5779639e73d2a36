/* role/:role: which keys and certificates may log in. */
#include "lib/sshkey.h"
#include "server/auth/sshkey/sshkey.h"

#define KEYS_MAX 1024
#define KEYS_TEXT_MAX 524288

static const struct field role_fields[] = {
	FIELD_NAMES(struct sshkey_role, public_keys, .len_max = KEYS_TEXT_MAX,
		.doc = "Public keys that may log in, as lines of *.pub files."),
	FIELD_NAMES(struct sshkey_role, ca_public_keys,
		.len_max = KEYS_TEXT_MAX,
		.doc = "Public keys of CAs whose user certificates may log in."),
	FIELD_LIST(struct sshkey_role, principals, .len_max = 16384,
		.doc = "Principals, one of which a certificate must have."),
	TOKEN_PARAMS_FIELDS(struct sshkey_role, token),
	FIELD_END,
};

/* Each line as it is kept: a key that we know, without its comment. */
static int
clean_keys(struct req *req, const char *field, struct str_list *lines,
	struct err *err)
{
	struct sshkey key;
	struct span blob;

	if (lines->n > KEYS_MAX)
		return err_set(err, ERR_INPUT, 400,
			"'%s' has more than %d keys", field, KEYS_MAX);
	for (size_t i = 0; i < lines->n; i++) {
		int rc = sshkey_parse_line(
			span_str(lines->items[i]), req->arena, &blob);

		if (rc == 0)
			rc = sshkey_parse(blob, &key);
		if (rc == ERR_MEMORY)
			return err_set_memory(err);
		if (rc != 0)
			return err_set(err, ERR_INPUT, 400,
				"\"%.64s\" in '%s' is no public key of a known type, such as a line of a .pub file",
				lines->items[i], field);
		lines->items[i] = sshkey_line(req->arena, blob);
		if (lines->items[i] == NULL)
			return err_set_memory(err);
	}
	return 0;
}

/* Before the closure: decoding many keys takes a while. */
static int
check_sent(
	struct req *req, UNUSED const char *name, void *record, struct err *err)
{
	struct sshkey_role *role = record;
	int rc = clean_keys(req, "public_keys", &role->public_keys, err);

	return rc != 0
		? rc
		: clean_keys(req, "ca_public_keys", &role->ca_public_keys, err);
}

static int
check_role(UNUSED struct store_tx *tx, struct req *req, UNUSED const char *name,
	void *record, struct err *err)
{
	struct sshkey_role *role = record;

	if (role->public_keys.n == 0 && role->ca_public_keys.n == 0)
		return err_set(err, ERR_INPUT, 400,
			"one of 'public_keys' and 'ca_public_keys' must be set");
	if (role->ca_public_keys.n > 0 && role->principals.n == 0)
		return err_set(err, ERR_INPUT, 400,
			"'principals' must be set together with 'ca_public_keys'");
	if (role->ca_public_keys.n == 0 && role->principals.n > 0)
		return err_set(err, ERR_INPUT, 400,
			"'principals' are for certificates: set 'ca_public_keys' too");
	return token_params_check(req, &role->token, err);
}

static void
show_role(struct req *req, UNUSED const char *name, const void *record,
	struct reply *reply)
{
	const struct sshkey_role *role = record;

	reply_value(reply, "public_keys",
		value_of_list(req->arena, &role->public_keys));
	reply_value(reply, "ca_public_keys",
		value_of_list(req->arena, &role->ca_public_keys));
	reply_value(reply, "principals",
		value_of_list(req->arena, &role->principals));
	token_params_show(&role->token, reply);
}

const struct record_type sshkey_role_record = {
	.prefix = "role/",
	.capture = "role",
	.lower_case_names = true,
	.merges = true,
	.fields = role_fields,
	.size = sizeof(struct sshkey_role),
	.check = check_sent,
	.check_tx = check_role,
	.show = show_role,
};

const struct op sshkey_role_ops[] = {
	RECORD_OPS("role", "role/:role", &sshkey_role_record, "role"),
	OP_END,
};
