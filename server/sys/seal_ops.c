/* init, unseal, seal. */
#include <string.h>

#include "lib/codec.h"
#include "server/api/reply.h"
#include "server/core/seal_init.h"
#include "server/core/seal_open.h"
#include "server/sys/seal_reply.h"
#include "server/sys/tables.h"

#define UNSEAL_FLAGS                                                           \
	(OP_BARE | OP_UNAUTHENTICATED | OP_WHILE_SEALED |                      \
		OP_NO_AUDIT_BEFORE_OPEN)

#define KEY_MIN 16
#define KEY_MAX 33

struct init_in {
	int64_t secret_shares, secret_threshold, stored_shares;
	struct str_list pgp_keys;
	const char *root_token_pgp_key;
	int64_t recovery_shares, recovery_threshold;
	struct str_list recovery_pgp_keys;
};

static const struct field init_fields[] = {
	FIELD_INT(struct init_in, secret_shares,
		.doc = "Into how many shares the unseal key is split, 1 to 255."),
	FIELD_INT(struct init_in, secret_threshold,
		.doc = "How many of them unseal."),
	FIELD_INT(struct init_in, stored_shares, .flags = FIELD_HIDDEN,
		.doc = "Ignored."),
	FIELD_NAMES(struct init_in, pgp_keys, .len_max = 65536,
		.doc = "Not available: must be empty."),
	FIELD_STR(struct init_in, root_token_pgp_key, .len_max = 65536,
		.doc = "Not available: must be empty."),
	FIELD_INT(struct init_in, recovery_shares, .flags = FIELD_HIDDEN,
		.doc = "Ignored."),
	FIELD_INT(struct init_in, recovery_threshold, .flags = FIELD_HIDDEN,
		.doc = "Ignored."),
	FIELD_NAMES(struct init_in, recovery_pgp_keys, .flags = FIELD_HIDDEN,
		.len_max = 65536, .doc = "Ignored."),
	FIELD_END,
};

struct unseal_in {
	struct secret_view key;
	bool reset, migrate;
};

static const struct field unseal_fields[] = {
	FIELD_SECRET(struct unseal_in, key, .len_max = 128,
		.doc = "One share, in hex or base64."),
	FIELD_BOOL(struct unseal_in, reset,
		.doc = "Forget the shares given so far."),
	FIELD_BOOL(struct unseal_in, migrate, .doc = "Not available."),
	FIELD_END,
};

static int
read_init(struct req *req, struct reply *reply, struct err *err)
{
	struct seal_status seal;

	(void)err;
	seal_get_status(req->server->seal, &seal);
	reply_bool(reply, "initialized", seal.initialized);
	return 0;
}

/* Both forms of every share, as the peers show them. */
static int
reply_shares(struct req *req, struct reply *reply,
	const struct seal_init_result *made, struct err *err)
{
	struct value *hex = value_list(req->arena);
	struct value *base64 = value_list(req->arena);
	bool whole = true;

	for (unsigned i = 0; i < made->n; i++) {
		const struct keeper_share *share = &made->shares[i];
		char text[2 * sizeof(share->bytes) + 1];
		struct buf coded;

		buf_init(&coded, 128);
		hex_encode(share->bytes, share->len, text);
		whole = whole &&
			base64_encode(span_of(share->bytes, share->len),
				&coded) == 0 &&
			value_add(hex, value_string(req->arena, text)) &&
			value_add(base64,
				value_string(req->arena, buf_str(&coded)));
		secret_wipe(text, sizeof(text));
		buf_clear(&coded);
	}
	if (!whole)
		return err_set_memory(err);
	reply_value(reply, "keys", hex);
	reply_value(reply, "keys_base64", base64);
	reply_str(reply, "root_token", made->root_token);
	return 0;
}

static int
check_shares(const struct init_in *in, struct err *err)
{
	if (in->secret_shares > KEEPER_SHARES_MAX)
		return err_set(err, ERR_INPUT, 400,
			"invalid seal configuration: shares must be less than 256");
	if (in->secret_shares < 1)
		return err_set(err, ERR_INPUT, 400,
			"invalid seal configuration: shares must be at least one");
	if (in->secret_threshold < 1)
		return err_set(err, ERR_INPUT, 400,
			"invalid seal configuration: threshold must be at least one");
	if (in->secret_threshold > in->secret_shares)
		return err_set(err, ERR_INPUT, 400,
			"invalid seal configuration: threshold cannot be larger than shares");
	if (in->pgp_keys.n > 0 || in->root_token_pgp_key[0] != '\0')
		return err_set(err, ERR_INPUT, 400,
			"PGP keys are not available on this server: leave them out");
	return 0;
}

static int
write_init(struct req *req, struct reply *reply, struct err *err)
{
	const struct init_in *in = req->in;
	struct seal_init_result *made =
		ARENA_NEW(req->arena, struct seal_init_result);
	int rc = check_shares(in, err);

	if (rc != 0)
		return rc;
	if (made == NULL)
		return err_set_memory(err);
	rc = seal_init(req->server->seal, (unsigned)in->secret_shares,
		(unsigned)in->secret_threshold, "", req->arena, made, err);
	return rc != 0 ? rc : reply_shares(req, reply, made, err);
}

/* Hex where that gives a key of possible length, else base64. */
static int
decode_share(struct secret_view text, uint8_t key[KEY_MAX + 1], size_t *ret_len,
	struct err *err)
{
	const struct span span = span_of(text.data, text.len);
	struct buf decoded;
	int rc = 0;

	if (hex_decode(span, key, KEY_MAX, ret_len) == 0 && *ret_len >= KEY_MIN)
		return 0;
	buf_init(&decoded, 128);
	if (base64_decode(span, &decoded) != 0)
		rc = err_set(err, ERR_INPUT, 400,
			"'key' must be a valid hex or base64 string");
	else if (decoded.len < KEY_MIN)
		rc = err_set(err, ERR_INPUT, 400,
			"invalid key: key is shorter than minimum %d bytes",
			KEY_MIN);
	else if (decoded.len > KEY_MAX)
		rc = err_set(err, ERR_INPUT, 400,
			"invalid key: key is longer than maximum %d bytes",
			KEY_MAX);
	if (rc == 0) {
		memcpy(key, decoded.data, decoded.len);
		*ret_len = decoded.len;
	}
	buf_clear(&decoded);
	return rc;
}

static int
give_share(struct req *req, const struct unseal_in *in, struct err *err)
{
	uint8_t key[KEY_MAX + 1] = { 0 };
	size_t len = 0;
	int rc;

	if (in->key.len == 0)
		return err_set(err, ERR_INPUT, 400,
			"'key' must be specified in request body as JSON, or 'reset' set to true");
	if (in->migrate)
		return err_set(err, ERR_INPUT, 400,
			"can't perform a seal migration, no migration seal found");
	rc = decode_share(in->key, key, &len, err);
	if (rc == 0)
		rc = seal_unseal(
			req->server->seal, secret_view_of(key, len), err);
	secret_wipe(key, sizeof(key));
	return rc;
}

static int
write_unseal(struct req *req, struct reply *reply, struct err *err)
{
	const struct unseal_in *in = req->in;
	int rc;

	rc = in->reset ? seal_unseal_reset(req->server->seal, err)
		       : give_share(req, in, err);
	if (rc == 0)
		reply_seal_status(req, reply);
	return rc;
}

static int
write_seal(struct req *req, struct reply *reply, struct err *err)
{
	/* Once sealed, no use can be taken off a limited token any more. */
	int rc = req_spend_use(req, err);

	(void)reply;
	return rc != 0 ? rc : seal_seal(req->server->seal, err);
}

const struct op sys_seal_ops[] = {
	{
		.path = "init",
		.verb = OP_READ,
		.flags = UNSEAL_FLAGS,
		.handler = read_init,
		.summary = "Tell whether the store is initialised.",
	},
	{
		.path = "init",
		.verb = OP_UPDATE,
		.flags = UNSEAL_FLAGS,
		.in_size = sizeof(struct init_in),
		.fields = init_fields,
		.handler = write_init,
		.summary =
			"Initialise the store: make the keys, their shares and the root token.",
		.text = "The shares and the root token are in this answer and nowhere else.",
		.errors = { { 400,
			"initialised already, or impossible numbers" } },
	},
	{
		.path = "unseal",
		.verb = OP_UPDATE,
		.flags = UNSEAL_FLAGS,
		.in_size = sizeof(struct unseal_in),
		.fields = unseal_fields,
		.handler = write_unseal,
		.summary =
			"Give one share of the unseal key; the last one needed unseals.",
		.errors = { { 400, "not a share, or the shares do not fit" } },
	},
	{
		.path = "seal",
		.verb = OP_UPDATE,
		.flags = OP_SUDO,
		.handler = write_seal,
		.summary =
			"Seal: forget every key; nothing works until unsealed.",
	},
	OP_END,
};
