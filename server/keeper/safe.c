/*
 * It reads a message, acts, writes the answer. It holds R while unsealed and
 * the shares of a round while they come in; it has no files and keeps no blobs
 * but those of CA keys that were used of late (signer.c).
 */
#include "server/keeper/safe.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "lib/lock.h"
#include "lib/random.h"
#include "lib/sshkeypair.h"
#include "server/keeper/admin_key.h"
#include "server/keeper/ipc.h"
#include "server/keeper/keeper.h"
#include "server/keeper/keeper_op.h"
#include "server/keeper/shamir.h"
#include "server/keeper/signer.h"
#include "server/keeper/wrap.h"

#define KEY WRAP_KEY
#define SHARE (KEY + 1)
#define LABEL_ROOT "sallyport root key"
#define LABEL_KEYRING "sallyport keyring"

static struct guard safe_guard;

struct safe {
	pthread_mutex_t lock;
	/* R; NULL while closed. */
	struct secret *root GUARDED_BY(safe_guard);
	/* Room for the shares of a round. */
	struct secret *shares GUARDED_BY(safe_guard);
	unsigned n_shares GUARDED_BY(safe_guard);
	/* "" while n_shares is 0. */
	char nonce[RANDOM_UUID_MAX] GUARDED_BY(safe_guard);
	struct signer *signer; /* has a lock of its own */
	_Atomic int n_slow;
};

int
safe_new(struct safe **ret_safe, struct err *err)
{
	struct safe *safe = NULL;
	int rc;

	guard_unshared(&safe_guard);
	if (sodium_init() < 0)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	safe = calloc(1, sizeof(*safe));
	if (safe == NULL)
		return err_set_memory(err);
	pthread_mutex_init(&safe->lock, NULL);
	safe->shares = secret_new(KEEPER_SHARES_MAX * SHARE);
	rc = safe->shares == NULL ? err_set_memory(err)
				  : signer_new(&safe->signer, err);
	if (rc != 0) {
		safe_free(&safe);
		return rc;
	}
	*ret_safe = safe;
	return 0;
}

void
safe_free(struct safe **safe)
{
	struct safe *old = *safe;

	guard_unshared(&safe_guard);
	if (old == NULL)
		return;
	secret_free(&old->root);
	secret_free(&old->shares);
	signer_free(&old->signer);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*safe = NULL;
}

static void
drop_round(struct safe *safe) REQUIRES(safe_guard)
{
	secret_wipe(secret_bytes(safe->shares), KEEPER_SHARES_MAX * SHARE);
	safe->n_shares = 0;
	safe->nonce[0] = '\0';
}

static struct secret *
random_key(void)
{
	struct secret *key = secret_new(KEY);

	if (key != NULL)
		random_bytes(secret_bytes(key), KEY);
	return key;
}

/* Make R and add two fields: R under U, the keyring under R. */
static int
add_new_blobs(struct secret_view u, struct span keyring, struct buf *out,
	struct err *err)
{
	struct secret *root = random_key();
	struct buf blob;
	int rc;

	buf_init(&blob, KEEPER_MESSAGE_MAX);
	if (root == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	rc = wrap_seal(u, LABEL_ROOT, secret_open(root), &blob, err);
	if (rc != 0)
		goto out;
	ipc_add_field(out, buf_span(&blob));
	buf_reset(&blob);
	rc = wrap_seal(secret_open(root), LABEL_KEYRING,
		secret_view_of(keyring.data, keyring.len), &blob, err);
	if (rc == 0)
		ipc_add_field(out, buf_span(&blob));
out:
	buf_clear(&blob);
	secret_free(&root);
	return rc;
}

/* One field with all shares of U, side by side; with n = 1 U itself. */
static int
add_shares(struct secret_view u, unsigned n, unsigned t, struct buf *out,
	struct err *err)
{
	struct secret *shares = NULL;
	int rc;

	if (n == 1) {
		ipc_add_secret(out, u);
		return 0;
	}
	shares = secret_new(n * SHARE);
	if (shares == NULL)
		return err_set_memory(err);
	rc = shamir_split(u, n, t, secret_bytes(shares), err);
	if (rc == 0)
		ipc_add_secret(out, secret_open(shares));
	secret_free(&shares);
	return rc;
}

/* The peer's texts in the peer's order (spec/core-api.md 2.1). */
static int
check_shares(unsigned n, unsigned t, struct err *err)
{
	const char *why = NULL;

	if (n < 1)
		why = "shares must be at least one";
	else if (t < 1)
		why = "threshold must be at least one";
	else if (n > 1 && t == 1)
		why = "threshold must be greater than one for multiple shares";
	else if (n > KEEPER_SHARES_MAX)
		why = "shares must be less than 256";
	else if (t > n)
		why = "threshold cannot be larger than shares";
	if (why == NULL)
		return 0;
	return err_set(
		err, ERR_INPUT, 400, "invalid seal configuration: %s", why);
}

static int
run_init(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	uint32_t n = ipc_take_u32(in), t = ipc_take_u32(in);
	struct span keyring = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	struct secret *u = NULL;
	int rc = ipc_end(in, err);

	(void)safe;
	if (rc != 0)
		return rc;
	rc = check_shares(n, t, err);
	if (rc != 0)
		return rc;
	u = random_key();
	if (u == NULL)
		return err_set_memory(err);
	rc = add_shares(secret_open(u), n, t, out, err);
	if (rc == 0)
		rc = add_new_blobs(secret_open(u), keyring, out, err);
	secret_free(&u);
	return rc;
}

static int
run_init_file(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	const uint8_t *u = ipc_take_exactly(in, KEY);
	struct span keyring = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	int rc = ipc_end(in, err);

	(void)safe;
	if (rc != 0)
		return rc;
	return add_new_blobs(secret_view_of(u, KEY), keyring, out, err);
}

static void
add_progress(const struct safe *safe, struct span keyring, bool opened,
	struct buf *out) REQUIRES(safe_guard)
{
	ipc_add_u32(out, safe->n_shares);
	ipc_add_field(out, span_str(safe->nonce));
	ipc_add_u32(out, opened);
	ipc_add_field(out, keyring);
}

static int
refuse_key(struct err *err)
{
	return err_set(err, ERR_INPUT, 400, "Unseal failed, invalid key");
}

/* R from its blob. A key that does not fit is the caller's mistake. */
static int
open_root(struct secret_view u, struct span blob, struct secret **ret_root,
	struct err *err)
{
	struct secret *root = NULL;

	if (wrap_plain_len(blob) != KEY)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	root = secret_new(KEY);
	if (root == NULL)
		return err_set_memory(err);
	if (wrap_open(u, LABEL_ROOT, blob, secret_bytes(root), NULL) != 0) {
		secret_free(&root);
		return refuse_key(err);
	}
	*ret_root = root;
	return 0;
}

/* Hold R and answer with the keyring. A keyring that R does not fit: 500. */
static int
open_with(struct safe *safe, struct secret_view u, struct span root_blob,
	struct span keyring_blob, struct buf *out, struct err *err)
	REQUIRES(safe_guard)
{
	size_t len = wrap_plain_len(keyring_blob);
	struct secret *root = NULL, *keyring = NULL;
	struct secret_view plain;
	int rc;

	rc = open_root(u, root_blob, &root, err);
	if (rc != 0)
		return rc;
	keyring = secret_new(len);
	if (keyring == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	rc = wrap_open(secret_open(root), LABEL_KEYRING, keyring_blob,
		secret_bytes(keyring), err);
	if (rc == 0)
		rc = signer_open(safe->signer, secret_open(root), err);
	if (rc != 0)
		goto out;
	drop_round(safe);
	plain = secret_open(keyring);
	add_progress(safe, span_of(plain.data, plain.len), true, out);
	secret_free(&safe->root);
	safe->root = root;
	root = NULL;
out:
	secret_free(&root);
	secret_free(&keyring);
	return rc;
}

/* The held shares' secret opens R, or the round ends. */
static int
combine_round(struct safe *safe, struct span root_blob,
	struct span keyring_blob, struct buf *out, struct err *err)
	REQUIRES(safe_guard)
{
	struct secret *u = secret_new(KEY);
	int rc;

	if (u == NULL)
		return err_set_memory(err);
	rc = shamir_combine(secret_open(safe->shares).data, safe->n_shares,
		SHARE, secret_bytes(u), NULL);
	rc = rc != 0 ? refuse_key(err)
		     : open_with(safe, secret_open(u), root_blob, keyring_blob,
			       out, err);
	drop_round(safe);
	secret_free(&u);
	return rc;
}

/* Whether a share is held already; looks at all of them whatever it finds. */
static bool
holds_share(const struct safe *safe, const uint8_t *share) REQUIRES(safe_guard)
{
	const uint8_t *held = secret_open(safe->shares).data;
	bool found = false;
	unsigned i;

	for (i = 0; i < safe->n_shares; i++)
		found |= secret_equal(secret_view_of(held + i * SHARE, SHARE),
			secret_view_of(share, SHARE));
	return found;
}

static void
hold_share(struct safe *safe, const uint8_t *share) REQUIRES(safe_guard)
{
	if (safe->n_shares == 0)
		random_uuid(safe->nonce);
	memcpy(secret_bytes(safe->shares) + safe->n_shares * SHARE, share,
		SHARE);
	safe->n_shares++;
}

static int
run_unseal(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err) REQUIRES(safe_guard)
{
	uint32_t t = ipc_take_u32(in);
	struct span share = ipc_take_field(in, SHARE);
	struct span root = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	struct span keyring = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	int rc = ipc_end(in, err);

	if (rc != 0)
		return rc;
	if (t < 1 || t > KEEPER_SHARES_MAX)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	/* What can be no share at all is refused without ending the round. */
	if (share.len != (t == 1 ? KEY : SHARE) ||
		(t > 1 && share.data[KEY] == 0))
		return refuse_key(err);
	if (t == 1)
		return open_with(safe, secret_view_of(share.data, KEY), root,
			keyring, out, err);
	if (!holds_share(safe, share.data))
		hold_share(safe, share.data);
	if (safe->n_shares >= t)
		return combine_round(safe, root, keyring, out, err);
	add_progress(safe, SPAN_NONE, false, out);
	return 0;
}

static int
run_unseal_file(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err) REQUIRES(safe_guard)
{
	const uint8_t *u = ipc_take_exactly(in, KEY);
	struct span root = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	struct span keyring = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	int rc = ipc_end(in, err);

	if (rc != 0)
		return rc;
	return open_with(safe, secret_view_of(u, KEY), root, keyring, out, err);
}

static int
run_reset(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err) REQUIRES(safe_guard)
{
	int rc = ipc_end(in, err);

	(void)out;
	if (rc == 0)
		drop_round(safe);
	return rc;
}

static int
run_progress(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err) REQUIRES(safe_guard)
{
	int rc = ipc_end(in, err);

	if (rc == 0)
		add_progress(safe, SPAN_NONE, false, out);
	return rc;
}

static int
check_open(const struct safe *safe, struct err *err) REQUIRES(safe_guard)
{
	return safe->root != NULL
		? 0
		: err_set(err, ERR_SEALED, 503, "Vault is sealed");
}

static int
run_wrap(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err) REQUIRES(safe_guard)
{
	struct span keyring = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	struct buf blob;
	int rc = ipc_end(in, err);

	if (rc == 0)
		rc = check_open(safe, err);
	if (rc != 0)
		return rc;
	buf_init(&blob, KEEPER_MESSAGE_MAX);
	rc = wrap_seal(secret_open(safe->root), LABEL_KEYRING,
		secret_view_of(keyring.data, keyring.len), &blob, err);
	if (rc == 0)
		ipc_add_field(out, buf_span(&blob));
	buf_clear(&blob);
	return rc;
}

static void
forget(struct safe *safe) REQUIRES(safe_guard)
{
	drop_round(safe);
	secret_free(&safe->root);
	signer_close(safe->signer);
}

static int
run_seal(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err) REQUIRES(safe_guard)
{
	int rc = ipc_end(in, err);

	(void)out;
	if (rc == 0)
		forget(safe);
	return rc;
}

void
safe_seal(struct safe *safe)
{
	lock_take(&safe->lock, &safe_guard);
	forget(safe);
	lock_give(&safe->lock, &safe_guard);
}

/* R, or nothing while it is not there. */
static struct secret_view
root_of(const struct safe *safe) REQUIRES(safe_guard)
{
	return safe->root != NULL ? secret_open(safe->root)
				  : secret_view_of(NULL, 0);
}

static int
run_admin_import(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err) REQUIRES(safe_guard)
{
	return admin_key_import(root_of(safe), in, out, err);
}

static int
run_admin_open(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err) REQUIRES(safe_guard)
{
	return admin_key_open(root_of(safe), in, out, err);
}

/* What needs R itself: one at a time. */
typedef int root_fn(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err);

static root_fn *const root_ops[] = {
	[KEEPER_INIT] = run_init,
	[KEEPER_INIT_FILE] = run_init_file,
	[KEEPER_UNSEAL] = run_unseal,
	[KEEPER_UNSEAL_FILE] = run_unseal_file,
	[KEEPER_RESET] = run_reset,
	[KEEPER_PROGRESS] = run_progress,
	[KEEPER_WRAP] = run_wrap,
	[KEEPER_SEAL] = run_seal,
	[KEEPER_ADMIN_IMPORT] = run_admin_import,
	[KEEPER_ADMIN_OPEN] = run_admin_open,
};

/* What is done with CA keys, or needs none: any number at once. */
typedef int signer_fn(struct signer *signer, struct ipc_message *in,
	struct buf *out, struct err *err);

/* That it is answered is all. */
static int
run_ping(UNUSED struct signer *signer, struct ipc_message *in,
	UNUSED struct buf *out, struct err *err)
{
	return ipc_end(in, err);
}

static signer_fn *const signer_ops[] = {
	[KEEPER_CA_IMPORT] = signer_import,
	[KEEPER_CA_SIGN] = signer_sign,
	[KEEPER_CA_NARROW] = signer_narrow,
	[KEEPER_CA_FORGET] = signer_forget,
	[KEEPER_TALLY] = signer_tally,
	[KEEPER_PING] = run_ping,
};

/* What makes a key, which takes seconds. */
typedef int slow_fn(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err);

static int
run_ca_generate(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	return signer_generate(safe->signer, in, out, err);
}

/* Nobody waits for R meanwhile. */
static int
run_admin_generate(struct safe *safe, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	struct sshkeypair *pair = NULL;
	struct admin_key_wish wish;
	int rc = admin_key_read_wish(in, &wish, err);

	lock_take(&safe->lock, &safe_guard);
	if (rc == 0)
		rc = check_open(safe, err);
	lock_give(&safe->lock, &safe_guard);
	if (rc == 0)
		rc = sshkeypair_generate(wish.type, wish.bits, &pair, err);
	lock_take(&safe->lock, &safe_guard);
	if (rc == 0)
		rc = check_open(safe, err);
	if (rc == 0)
		rc = admin_key_give_out(
			secret_open(safe->root), pair, out, err);
	lock_give(&safe->lock, &safe_guard);
	sshkeypair_free(&pair);
	return rc;
}

static slow_fn *const slow_ops[] = {
	[KEEPER_CA_GENERATE] = run_ca_generate,
	[KEEPER_ADMIN_GENERATE] = run_admin_generate,
};

static bool
is_slow(uint8_t op)
{
	return op < ARRAY_LEN(slow_ops) && slow_ops[op] != NULL;
}

bool
safe_is_slow(struct span in)
{
	struct ipc_message message = ipc_read(in);

	return is_slow(ipc_take_byte(&message));
}

static void
add_refusal(struct buf *out, int rc, const struct err *why)
{
	buf_reset(out);
	buf_add_char(out, (char)-rc);
	ipc_add_u32(out, (uint32_t)why->status);
	ipc_add_field(out, span_str(why->message));
	ipc_add_field(out, span_str(why->detail));
}

/* Only so many at once. */
static int
run_slow(struct safe *safe, slow_fn *fn, struct ipc_message *in,
	struct buf *out, struct err *err)
{
	int rc;

	if (atomic_fetch_add(&safe->n_slow, 1) < SAFE_SLOW_MAX)
		rc = fn(safe, in, out, err);
	else
		rc = err_set(err, ERR_BUSY, 503,
			"too many keys are being made, try again");
	(void)atomic_fetch_sub(&safe->n_slow, 1);
	return rc;
}

static int
run(struct safe *safe, struct ipc_message *in, struct buf *out, struct err *err)
{
	const uint8_t op = ipc_take_byte(in);
	int rc;

	if (is_slow(op))
		return run_slow(safe, slow_ops[op], in, out, err);
	if (op < ARRAY_LEN(signer_ops) && signer_ops[op] != NULL)
		return signer_ops[op](safe->signer, in, out, err);
	if (op >= ARRAY_LEN(root_ops) || root_ops[op] == NULL)
		return err_set(err, ERR_PEER, 500, "internal error");
	lock_take(&safe->lock, &safe_guard);
	rc = root_ops[op](safe, in, out, err);
	lock_give(&safe->lock, &safe_guard);
	return rc;
}

int
safe_answer(struct safe *safe, struct span in, struct buf *out, struct err *err)
{
	struct ipc_message message = ipc_read(in);
	struct err why = { 0 };
	int rc;

	buf_reset(out);
	buf_add_char(out, 0);
	if (in.len > KEEPER_MESSAGE_MAX)
		rc = err_set(&why, ERR_PEER, 500, "internal error");
	else
		rc = run(safe, &message, out, &why);
	if (rc == 0)
		rc = buf_check(out, &why);
	if (rc != 0)
		add_refusal(out, rc, &why);
	return buf_check(out, err);
}
