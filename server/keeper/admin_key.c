/*
 * Admin keys sealed and opened. A sealed one is a blob (wrap.h) of a version
 * byte and the private key as OpenSSH's text.
 */
#include "server/keeper/admin_key.h"

#include "lib/sshkeypair.h"
#include "server/keeper/keeper.h"
#include "server/keeper/wrap.h"

#define LABEL_ADMIN "sallyport admin key"
#define ADMIN_VERSION 1

/* ---- sealing ------------------------------------------------------------ */

static int
write_plain(const struct sshkeypair *pair, struct buf *plain, struct err *err)
{
	(void)buf_add_char(plain, ADMIN_VERSION);
	return sshkeypair_write(pair, SSHKEYPAIR_OPENSSH, "", plain, err);
}

int
admin_key_give_out(struct secret_view root, const struct sshkeypair *pair,
	struct buf *out, struct err *err)
{
	struct secret *key = NULL;
	struct buf plain, sealed;
	int rc;

	buf_init(&plain, KEEPER_MESSAGE_MAX);
	buf_init(&sealed, KEEPER_MESSAGE_MAX);
	rc = wrap_derive(root, LABEL_ADMIN, &key, err);
	if (rc == 0)
		rc = write_plain(pair, &plain, err);
	if (rc == 0)
		rc = wrap_seal(secret_open(key), LABEL_ADMIN,
			secret_view_of(plain.data, plain.len), &sealed, err);
	if (rc == 0) {
		ipc_add_field(out, buf_span(&sealed));
		ipc_add_field(out, sshkeypair_public(pair));
	}
	buf_clear(&plain);
	buf_clear(&sealed);
	secret_free(&key);
	return rc;
}

int
admin_key_read_wish(struct ipc_message *in, struct admin_key_wish *ret_wish,
	struct err *err)
{
	ipc_take_name(in, ret_wish->type);
	ret_wish->bits = ipc_take_u32(in);
	return ipc_end(in, err);
}

/* The end of a message, and R to answer it with. */
static int
end_message(struct secret_view root, struct ipc_message *in, struct err *err)
{
	int rc = ipc_end(in, err);

	return rc == 0 && root.len == 0
		? err_set(err, ERR_SEALED, 503, "Vault is sealed")
		: rc;
}

int
admin_key_import(struct secret_view root, struct ipc_message *in,
	struct buf *out, struct err *err)
{
	const struct span text = ipc_take_field(in, SSHKEYPAIR_TEXT_MAX);
	struct sshkeypair *pair = NULL;
	int rc = end_message(root, in, err);

	if (rc == 0)
		rc = sshkeypair_parse(
			secret_view_of(text.data, text.len), &pair, err);
	if (rc == 0)
		rc = admin_key_give_out(root, pair, out, err);
	sshkeypair_free(&pair);
	return rc;
}

/* ---- opening ------------------------------------------------------------ */

static int
refuse_blob(struct err *err)
{
	return err_set(err, ERR_CRYPTO, 500, "internal error");
}

int
admin_key_open(struct secret_view root, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	const struct span sealed = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	const size_t len = wrap_plain_len(sealed);
	struct secret *key = NULL, *plain = NULL;
	int rc = end_message(root, in, err);

	if (rc != 0)
		return rc;
	if (len == 0)
		return refuse_blob(err);
	plain = secret_new(len);
	rc = plain == NULL ? err_set_memory(err)
			   : wrap_derive(root, LABEL_ADMIN, &key, err);
	if (rc == 0)
		rc = wrap_open(secret_open(key), LABEL_ADMIN, sealed,
			secret_bytes(plain), err);
	if (rc == 0 && secret_open(plain).data[0] != ADMIN_VERSION)
		rc = refuse_blob(err);
	if (rc == 0)
		ipc_add_secret(out,
			secret_view_of(secret_open(plain).data + 1, len - 1));
	secret_free(&plain);
	secret_free(&key);
	return rc;
}
