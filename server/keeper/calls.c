/*
 * The callers' side of the keeper: arguments into a message, the answer back
 * into values. Knows the form of messages, nothing of keys.
 */
#include <string.h>

#include "lib/sshkeypair.h"
#include "server/keeper/ca_limits.h"
#include "server/keeper/ipc.h"
#include "server/keeper/keeper.h"
#include "server/keeper/keeper_op.h"

#define SHARE_MAX sizeof(((struct keeper_share *)0)->bytes)
#define KEY 32

/* A call on its way: both buffers are wiped by call_end. */
struct call {
	struct buf in, out;
	struct ipc_message answer;
};

static void
call_begin(struct call *call, enum keeper_op op)
{
	buf_init(&call->in, KEEPER_MESSAGE_MAX);
	buf_init(&call->out, KEEPER_MESSAGE_MAX);
	buf_add_char(&call->in, (char)op);
}

static void
call_end(struct call *call)
{
	buf_clear(&call->in);
	buf_clear(&call->out);
}

/* Record the keeper's refusal as our own failure. */
static int
take_refusal(struct ipc_message *answer, uint8_t code, struct err *err)
{
	uint32_t status = ipc_take_u32(answer);
	struct span message = ipc_take_field(answer, ERR_MESSAGE_MAX);
	struct span detail = ipc_take_field(answer, ERR_DETAIL_MAX);

	if (ipc_end(answer, err) != 0)
		return ERR_PEER;
	if (err != NULL && err->code == 0 && detail.len > 0 &&
		detail.len < ERR_DETAIL_MAX)
		memcpy(err->detail, detail.data, detail.len);
	return err_set(err, -(int)code, (int)status, "%.*s", (int)message.len,
		(const char *)message.data);
}

/* A good answer is then ready to be taken from *answer. */
static int
read_answer(const struct buf *out, struct ipc_message *answer, struct err *err)
{
	uint8_t code;

	*answer = ipc_read(buf_span(out));
	code = ipc_take_byte(answer);
	if (code != 0)
		return take_refusal(answer, code, err);
	return answer->bad ? ipc_end(answer, err) : 0;
}

/* Send, and read the answer. */
static int
call_send(struct keeper *keeper, struct call *call, struct err *err)
{
	int rc = buf_check(&call->in, err);

	if (rc == 0)
		rc = keeper_call(keeper, buf_span(&call->in), &call->out, err);
	return rc != 0 ? rc : read_answer(&call->out, &call->answer, err);
}

/* The next field, copied into the arena. */
static int
take_into(struct ipc_message *answer, struct arena *arena,
	struct span *ret_field, struct err *err)
{
	struct span field = ipc_take_field(answer, KEEPER_MESSAGE_MAX);

	*ret_field = arena_dup(arena, field);
	return ret_field->data == NULL ? err_set_memory(err) : 0;
}

static int
take_blobs(struct call *call, struct arena *arena,
	struct keeper_blobs *ret_blobs, struct err *err)
{
	struct keeper_blobs blobs;
	int rc = take_into(&call->answer, arena, &blobs.root, err);

	if (rc == 0)
		rc = take_into(&call->answer, arena, &blobs.keyring, err);
	if (rc == 0)
		rc = ipc_end(&call->answer, err);
	if (rc == 0)
		*ret_blobs = blobs;
	return rc;
}

/* n shares from the one field that holds them side by side. */
static int
take_shares(struct call *call, unsigned n, struct keeper_share *ret_shares,
	struct err *err)
{
	size_t len = n == 1 ? KEY : SHARE_MAX;
	const uint8_t *at = ipc_take_exactly(&call->answer, n * len);
	unsigned i;

	if (at == NULL)
		return err_set(err, ERR_PEER, 500, "internal error");
	for (i = 0; i < n; i++, at += len) {
		memcpy(ret_shares[i].bytes, at, len);
		ret_shares[i].len = len;
	}
	return 0;
}

int
keeper_init(struct keeper *keeper, unsigned n, unsigned t,
	struct secret_view keyring, struct arena *arena,
	struct keeper_share *ret_shares, struct keeper_blobs *ret_blobs,
	struct err *err)
{
	struct call call;
	int rc;

	call_begin(&call, KEEPER_INIT);
	ipc_add_u32(&call.in, n);
	ipc_add_u32(&call.in, t);
	ipc_add_secret(&call.in, keyring);
	rc = call_send(keeper, &call, err);
	if (rc == 0)
		rc = take_shares(&call, n, ret_shares, err);
	if (rc == 0)
		rc = take_blobs(&call, arena, ret_blobs, err);
	call_end(&call);
	return rc;
}

int
keeper_init_file(struct keeper *keeper, struct secret_view file_key,
	struct secret_view keyring, struct arena *arena,
	struct keeper_blobs *ret_blobs, struct err *err)
{
	struct call call;
	int rc;

	call_begin(&call, KEEPER_INIT_FILE);
	ipc_add_secret(&call.in, file_key);
	ipc_add_secret(&call.in, keyring);
	rc = call_send(keeper, &call, err);
	if (rc == 0)
		rc = take_blobs(&call, arena, ret_blobs, err);
	call_end(&call);
	return rc;
}

/* The progress of an answer; arena NULL where no keyring is expected. */
static int
take_progress(struct call *call, struct arena *arena,
	struct keeper_progress *ret_progress, struct err *err)
{
	struct keeper_progress got = { 0 };
	struct span nonce, keyring;

	got.progress = ipc_take_u32(&call->answer);
	nonce = ipc_take_field(&call->answer, sizeof(got.nonce) - 1);
	got.opened = ipc_take_u32(&call->answer) != 0;
	keyring = ipc_take_field(&call->answer, KEEPER_MESSAGE_MAX);
	if (ipc_end(&call->answer, err) != 0)
		return ERR_PEER;
	if (nonce.len > 0)
		memcpy(got.nonce, nonce.data, nonce.len);
	if (got.opened && arena != NULL) {
		got.keyring = arena_dup(arena, keyring);
		if (got.keyring.data == NULL)
			return err_set_memory(err);
	}
	*ret_progress = got;
	return 0;
}

/* Add the blobs, send, take the progress, end the call. */
static int
finish_unseal(struct keeper *keeper, struct call *call,
	const struct keeper_blobs *blobs, struct arena *arena,
	struct keeper_progress *ret_progress, struct err *err)
{
	int rc;

	ipc_add_field(&call->in, blobs->root);
	ipc_add_field(&call->in, blobs->keyring);
	rc = call_send(keeper, call, err);
	if (rc == 0)
		rc = take_progress(call, arena, ret_progress, err);
	call_end(call);
	return rc;
}

int
keeper_unseal(struct keeper *keeper, unsigned t, struct secret_view share,
	const struct keeper_blobs *blobs, struct arena *arena,
	struct keeper_progress *ret_progress, struct err *err)
{
	struct call call;

	if (share.len > SHARE_MAX)
		return err_set(
			err, ERR_INPUT, 400, "Unseal failed, invalid key");
	call_begin(&call, KEEPER_UNSEAL);
	ipc_add_u32(&call.in, t);
	ipc_add_secret(&call.in, share);
	return finish_unseal(keeper, &call, blobs, arena, ret_progress, err);
}

int
keeper_unseal_file(struct keeper *keeper, struct secret_view file_key,
	const struct keeper_blobs *blobs, struct arena *arena,
	struct keeper_progress *ret_progress, struct err *err)
{
	struct call call;

	call_begin(&call, KEEPER_UNSEAL_FILE);
	ipc_add_secret(&call.in, file_key);
	return finish_unseal(keeper, &call, blobs, arena, ret_progress, err);
}

/* Send what is answered without fields, end the call. */
static int
finish_plain(struct keeper *keeper, struct call *call, struct err *err)
{
	int rc = call_send(keeper, call, err);

	if (rc == 0)
		rc = ipc_end(&call->answer, err);
	call_end(call);
	return rc;
}

/* An op without fields in either direction. */
static int
call_plain(struct keeper *keeper, enum keeper_op op, struct err *err)
{
	struct call call;

	call_begin(&call, op);
	return finish_plain(keeper, &call, err);
}

int
keeper_unseal_reset(struct keeper *keeper, struct err *err)
{
	return call_plain(keeper, KEEPER_RESET, err);
}

int
keeper_unseal_progress(struct keeper *keeper,
	struct keeper_progress *ret_progress, struct err *err)
{
	struct call call;
	int rc;

	call_begin(&call, KEEPER_PROGRESS);
	rc = call_send(keeper, &call, err);
	if (rc == 0)
		rc = take_progress(&call, NULL, ret_progress, err);
	call_end(&call);
	return rc;
}

int
keeper_wrap_keyring(struct keeper *keeper, struct secret_view keyring,
	struct arena *arena, struct span *ret_blob, struct err *err)
{
	struct span blob;
	struct call call;
	int rc;

	call_begin(&call, KEEPER_WRAP);
	ipc_add_secret(&call.in, keyring);
	rc = call_send(keeper, &call, err);
	if (rc == 0)
		rc = take_into(&call.answer, arena, &blob, err);
	if (rc == 0)
		rc = ipc_end(&call.answer, err);
	if (rc == 0)
		*ret_blob = blob;
	call_end(&call);
	return rc;
}

int
keeper_seal(struct keeper *keeper, struct err *err)
{
	return call_plain(keeper, KEEPER_SEAL, err);
}

/* Send, take a sealed key and its public half, end the call. */
static int
finish_key(struct keeper *keeper, struct call *call, struct arena *arena,
	struct span *ret_sealed, struct span *ret_public, struct err *err)
{
	struct span sealed, public;
	int rc = call_send(keeper, call, err);

	if (rc == 0)
		rc = take_into(&call->answer, arena, &sealed, err);
	if (rc == 0)
		rc = take_into(&call->answer, arena, &public, err);
	if (rc == 0)
		rc = ipc_end(&call->answer, err);
	if (rc == 0) {
		*ret_sealed = sealed;
		*ret_public = public;
	}
	call_end(call);
	return rc;
}

static int
finish_ca(struct keeper *keeper, struct call *call, struct arena *arena,
	struct keeper_ca *ret_ca, struct err *err)
{
	return finish_key(
		keeper, call, arena, &ret_ca->sealed, &ret_ca->public_key, err);
}

static int
finish_admin(struct keeper *keeper, struct call *call, struct arena *arena,
	struct keeper_admin *ret_admin, struct err *err)
{
	return finish_key(keeper, call, arena, &ret_admin->sealed,
		&ret_admin->public_key, err);
}

static int
refuse_length(struct err *err)
{
	return err_set(
		err, ERR_INPUT, 400, "private key is too long to be one");
}

int
keeper_ca_generate(struct keeper *keeper, const char *type, unsigned bits,
	const struct keeper_ca_limits *limits, struct arena *arena,
	struct keeper_ca *ret_ca, struct err *err)
{
	struct call call;

	call_begin(&call, KEEPER_CA_GENERATE);
	ipc_add_field(&call.in, span_str(type));
	ipc_add_u32(&call.in, bits);
	ca_limits_add(&call.in, limits);
	return finish_ca(keeper, &call, arena, ret_ca, err);
}

int
keeper_ca_import(struct keeper *keeper, struct secret_view text,
	const struct keeper_ca_limits *limits, struct arena *arena,
	struct keeper_ca *ret_ca, struct err *err)
{
	struct call call;

	if (text.len > SSHKEYPAIR_TEXT_MAX)
		return refuse_length(err);
	call_begin(&call, KEEPER_CA_IMPORT);
	ipc_add_secret(&call.in, text);
	ca_limits_add(&call.in, limits);
	return finish_ca(keeper, &call, arena, ret_ca, err);
}

int
keeper_ca_narrow(struct keeper *keeper, struct span sealed,
	const struct keeper_ca_limits *limits, struct arena *arena,
	struct keeper_ca *ret_ca, struct err *err)
{
	struct call call;

	call_begin(&call, KEEPER_CA_NARROW);
	ipc_add_field(&call.in, sealed);
	ca_limits_add(&call.in, limits);
	return finish_ca(keeper, &call, arena, ret_ca, err);
}

static void
write_signing(struct buf *in, struct span sealed, const char *algorithm,
	bool allow_sha1, struct span unsigned_cert)
{
	ipc_add_field(in, sealed);
	ipc_add_field(in, algorithm == NULL ? SPAN_NONE : span_str(algorithm));
	ipc_add_u32(in, allow_sha1);
	ipc_add_field(in, unsigned_cert);
}

static int
take_signed(struct ipc_message *answer, struct arena *arena,
	struct keeper_signed *ret_signed, struct err *err)
{
	struct keeper_signed made;
	int rc = take_into(answer, arena, &made.cert, err);

	made.serial = ipc_take_u64(answer);
	if (rc == 0)
		rc = ipc_end(answer, err);
	if (rc == 0)
		*ret_signed = made;
	return rc;
}

int
keeper_ca_sign(struct keeper *keeper, struct span sealed, const char *algorithm,
	bool allow_sha1, struct span unsigned_cert, struct arena *arena,
	struct keeper_signed *ret_signed, struct err *err)
{
	struct call call;
	int rc;

	call_begin(&call, KEEPER_CA_SIGN);
	write_signing(&call.in, sealed, algorithm, allow_sha1, unsigned_cert);
	rc = call_send(keeper, &call, err);
	if (rc == 0)
		rc = take_signed(&call.answer, arena, ret_signed, err);
	call_end(&call);
	return rc;
}

void
keeper_ca_sign_begin(struct keeper *keeper, struct span sealed,
	const char *algorithm, bool allow_sha1, struct span unsigned_cert,
	struct keeper_signing *signing)
{
	struct buf in;

	buf_init(&in, KEEPER_MESSAGE_MAX);
	buf_init(&signing->answer, KEEPER_MESSAGE_MAX);
	signing->job.out = &signing->answer;
	(void)buf_add_char(&in, KEEPER_CA_SIGN);
	write_signing(&in, sealed, algorithm, allow_sha1, unsigned_cert);
	signing->job.rc = in.rc;
	if (in.rc == 0)
		keeper_begin(keeper, buf_span(&in), &signing->job);
	else
		signing->job.done(&signing->job);
	buf_clear(&in);
}

int
keeper_ca_sign_end(struct keeper_signing *signing, struct arena *arena,
	struct keeper_signed *ret_signed, struct err *err)
{
	struct ipc_message answer;
	int rc = signing->job.rc;

	if (rc == 0)
		rc = buf_check(&signing->answer, err);
	else
		(void)err_set(err, rc, 500, "internal error");
	if (rc == 0)
		rc = read_answer(&signing->answer, &answer, err);
	if (rc == 0)
		rc = take_signed(&answer, arena, ret_signed, err);
	buf_clear(&signing->answer);
	return rc;
}

int
keeper_ca_forget(struct keeper *keeper, struct span public_key, struct err *err)
{
	struct call call;

	call_begin(&call, KEEPER_CA_FORGET);
	ipc_add_field(&call.in, public_key);
	return finish_plain(keeper, &call, err);
}

int
keeper_admin_generate(struct keeper *keeper, const char *type, unsigned bits,
	struct arena *arena, struct keeper_admin *ret_admin, struct err *err)
{
	struct call call;

	call_begin(&call, KEEPER_ADMIN_GENERATE);
	ipc_add_field(&call.in, span_str(type));
	ipc_add_u32(&call.in, bits);
	return finish_admin(keeper, &call, arena, ret_admin, err);
}

int
keeper_admin_import(struct keeper *keeper, struct secret_view text,
	struct arena *arena, struct keeper_admin *ret_admin, struct err *err)
{
	struct call call;

	if (text.len > SSHKEYPAIR_TEXT_MAX)
		return refuse_length(err);
	call_begin(&call, KEEPER_ADMIN_IMPORT);
	ipc_add_secret(&call.in, text);
	return finish_admin(keeper, &call, arena, ret_admin, err);
}

int
keeper_admin_open(struct keeper *keeper, struct span sealed,
	struct arena *arena, struct secret_view *ret_text, struct err *err)
{
	struct span text;
	struct call call;
	int rc;

	call_begin(&call, KEEPER_ADMIN_OPEN);
	ipc_add_field(&call.in, sealed);
	rc = call_send(keeper, &call, err);
	if (rc == 0)
		rc = take_into(&call.answer, arena, &text, err);
	if (rc == 0)
		rc = ipc_end(&call.answer, err);
	if (rc == 0)
		*ret_text = secret_view_of(text.data, text.len);
	call_end(&call);
	return rc;
}

int
keeper_get_tally(
	struct keeper *keeper, struct keeper_tally *ret_tally, struct err *err)
{
	const uint8_t *sum = NULL;
	struct call call;
	uint64_t n;
	int rc;

	call_begin(&call, KEEPER_TALLY);
	rc = call_send(keeper, &call, err);
	if (rc != 0)
		goto out;
	n = ipc_take_u64(&call.answer);
	sum = ipc_take_exactly(&call.answer, KEEPER_SUM);
	rc = ipc_end(&call.answer, err);
	if (rc == 0) {
		ret_tally->n = n;
		memcpy(ret_tally->sum, sum, KEEPER_SUM);
	}
out:
	call_end(&call);
	return rc;
}

int
keeper_ping(struct keeper *keeper, struct err *err)
{
	return call_plain(keeper, KEEPER_PING, err);
}
