/*
 * Sealed CA keys and their signatures. A sealed key is a blob (wrap.h) of a
 * version byte, the limits (validity u64), and the private key as OpenSSH's
 * text.
 */
#include "server/keeper/signer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/lock.h"
#include "lib/sshcert.h"
#include "lib/sshkeypair.h"
#include "server/keeper/cert_check.h"
#include "server/keeper/keeper.h"
#include "server/keeper/wrap.h"

#define LABEL_CA "sallyport ca key"
#define CA_VERSION 1
#define HEAD 9 /* version, validity */
#define OPENED_MAX 64
#define NAME_LEN_MAX 64 /* of types and algorithms */

static struct guard signer_guard;

/* A key that was opened. It goes with its last user, the list being one. */
struct opened {
	struct opened *next;
	unsigned n_users GUARDED_BY(signer_guard);
	struct keeper_ca_limits limits;
	struct sshkeypair *pair;
	size_t sealed_len;
	uint8_t sealed[]; /* by which it is found */
};

struct signer {
	pthread_mutex_t lock;
	struct secret *key GUARDED_BY(signer_guard); /* NULL while closed */
	uint64_t n_opens GUARDED_BY(signer_guard);   /* which key it is */
	/* The latest used first. */
	struct opened *opened GUARDED_BY(signer_guard);
	size_t n_opened GUARDED_BY(signer_guard);
};

int
signer_new(struct signer **ret_signer, struct err *err)
{
	struct signer *signer = calloc(1, sizeof(*signer));

	if (signer == NULL)
		return err_set_memory(err);
	pthread_mutex_init(&signer->lock, NULL);
	*ret_signer = signer;
	return 0;
}

void
signer_free(struct signer **signer)
{
	if (*signer == NULL)
		return;
	signer_close(*signer);
	pthread_mutex_destroy(&(*signer)->lock);
	free(*signer);
	*signer = NULL;
}

/* ---- opened keys -------------------------------------------------------- */

static void
drop(struct opened *opened) REQUIRES(signer_guard)
{
	if (--opened->n_users > 0)
		return;
	sshkeypair_free(&opened->pair);
	free(opened);
}

static void
let_go(struct signer *signer, struct opened *opened)
{
	lock_take(&signer->lock, &signer_guard);
	drop(opened);
	lock_give(&signer->lock, &signer_guard);
}

static void
drop_last(struct signer *signer) REQUIRES(signer_guard)
{
	struct opened **at = &signer->opened;
	struct opened *last = NULL;

	while ((*at)->next != NULL)
		at = &(*at)->next;
	last = *at;
	*at = NULL;
	signer->n_opened--;
	drop(last);
}

static void
put_first(struct signer *signer, struct opened *opened) REQUIRES(signer_guard)
{
	opened->next = signer->opened;
	signer->opened = opened;
}

/* The opened key of this blob, for one more user; NULL: it is not here. */
static struct opened *
find(struct signer *signer, struct span sealed) REQUIRES(signer_guard)
{
	struct opened **at = &signer->opened;
	struct opened *found = NULL;

	while (*at != NULL &&
		!span_equal(span_of((*at)->sealed, (*at)->sealed_len), sealed))
		at = &(*at)->next;
	found = *at;
	if (found == NULL)
		return NULL;
	*at = found->next;
	put_first(signer, found);
	found->n_users++;
	return found;
}

/* Keep what was opened, unless a seal came in between or somebody else did. */
static void
keep(struct signer *signer, uint64_t n_opens, struct opened *opened)
{
	struct opened *other = NULL;

	lock_take(&signer->lock, &signer_guard);
	if (signer->key == NULL || signer->n_opens != n_opens)
		goto out;
	other = find(signer, span_of(opened->sealed, opened->sealed_len));
	if (other != NULL) {
		drop(other);
		goto out;
	}
	opened->n_users++;
	put_first(signer, opened);
	if (++signer->n_opened > OPENED_MAX)
		drop_last(signer);
out:
	lock_give(&signer->lock, &signer_guard);
}

int
signer_open(struct signer *signer, struct secret_view root, struct err *err)
{
	struct secret *key = NULL;
	int rc = wrap_derive(root, LABEL_CA, &key, err);

	if (rc != 0)
		return rc;
	lock_take(&signer->lock, &signer_guard);
	secret_free(&signer->key);
	signer->key = key;
	signer->n_opens++;
	lock_give(&signer->lock, &signer_guard);
	return 0;
}

void
signer_close(struct signer *signer)
{
	lock_take(&signer->lock, &signer_guard);
	secret_free(&signer->key);
	while (signer->n_opened > 0)
		drop_last(signer);
	lock_give(&signer->lock, &signer_guard);
}

static int
refuse_sealed(struct err *err)
{
	return err_set(err, ERR_SEALED, 503, "Vault is sealed");
}

/* Before work that would be for nothing. */
static int
check_open(struct signer *signer, struct err *err)
{
	bool closed;

	lock_take(&signer->lock, &signer_guard);
	closed = signer->key == NULL;
	lock_give(&signer->lock, &signer_guard);
	return closed ? refuse_sealed(err) : 0;
}

/* The key that seals, as a copy; which one, in *ret_n_opens. */
static int
copy_key(struct signer *signer, struct secret **ret_key, uint64_t *ret_n_opens,
	struct err *err)
{
	struct secret *key = NULL;
	bool closed;

	lock_take(&signer->lock, &signer_guard);
	closed = signer->key == NULL;
	if (!closed)
		key = secret_dup(secret_open(signer->key));
	*ret_n_opens = signer->n_opens;
	lock_give(&signer->lock, &signer_guard);
	if (closed)
		return refuse_sealed(err);
	if (key == NULL)
		return err_set_memory(err);
	*ret_key = key;
	return 0;
}

/* ---- from a sealed blob ------------------------------------------------- */

static int
refuse_blob(struct err *err)
{
	return err_set(err, ERR_CRYPTO, 500, "internal error");
}

/* The parts of an opened blob. */
static int
read_plain(struct secret_view plain, struct opened *opened, struct err *err)
{
	struct sshwire head = sshwire_of(span_of(plain.data, HEAD));
	const uint8_t version = sshwire_u8(&head);

	opened->limits.validity_s = sshwire_u64(&head);
	if (version != CA_VERSION)
		return refuse_blob(err);
	return sshkeypair_parse(
		secret_view_of(plain.data + HEAD, plain.len - HEAD),
		&opened->pair, err);
}

static int
open_blob(struct secret_view key, struct span sealed,
	struct opened **ret_opened, struct err *err)
{
	const size_t len = wrap_plain_len(sealed);
	struct opened *opened = NULL;
	struct secret *plain = NULL;
	int rc;

	if (len <= HEAD)
		return refuse_blob(err);
	plain = secret_new(len);
	opened = calloc(1, sizeof(*opened) + sealed.len);
	if (plain == NULL || opened == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	guard_unshared(&signer_guard);
	opened->n_users = 1;
	opened->sealed_len = sealed.len;
	memcpy(opened->sealed, sealed.data, sealed.len);
	rc = wrap_open(key, LABEL_CA, sealed, secret_bytes(plain), err);
	if (rc == 0)
		rc = read_plain(secret_open(plain), opened, err);
	if (rc == 0) {
		*ret_opened = opened;
		opened = NULL;
	}
out:
	secret_free(&plain);
	free(opened);
	return rc;
}

/* The key of a blob, open, until let_go. */
static int
get_opened(struct signer *signer, struct span sealed,
	struct opened **ret_opened, struct err *err)
{
	struct opened *opened = NULL;
	struct secret *key = NULL;
	uint64_t n_opens;
	int rc;

	lock_take(&signer->lock, &signer_guard);
	opened = find(signer, sealed);
	lock_give(&signer->lock, &signer_guard);
	if (opened != NULL) {
		*ret_opened = opened;
		return 0;
	}
	rc = copy_key(signer, &key, &n_opens, err);
	if (rc == 0)
		rc = open_blob(secret_open(key), sealed, &opened, err);
	secret_free(&key);
	if (rc != 0)
		return rc;
	keep(signer, n_opens, opened);
	*ret_opened = opened;
	return 0;
}

/* ---- messages ----------------------------------------------------------- */

/* The plain form of a sealed key. */
static int
write_plain(const struct sshkeypair *pair,
	const struct keeper_ca_limits *limits, struct buf *plain,
	struct err *err)
{
	buf_add_char(plain, CA_VERSION);
	buf_add_u64be(plain, limits->validity_s);
	return sshkeypair_write(pair, SSHKEYPAIR_OPENSSH, "", plain, err);
}

/* The two fields by which a key leaves: sealed, and its public half. */
static int
add_sealed(struct secret_view key, const struct sshkeypair *pair,
	const struct keeper_ca_limits *limits, struct buf *out, struct err *err)
{
	struct buf plain, sealed;
	int rc;

	buf_init(&plain, KEEPER_MESSAGE_MAX);
	buf_init(&sealed, KEEPER_MESSAGE_MAX);
	rc = write_plain(pair, limits, &plain, err);
	if (rc == 0)
		rc = buf_check(&plain, err);
	if (rc == 0)
		rc = wrap_seal(key, LABEL_CA,
			secret_view_of(plain.data, plain.len), &sealed, err);
	if (rc == 0) {
		ipc_add_field(out, buf_span(&sealed));
		ipc_add_field(out, sshkeypair_public(pair));
	}
	buf_clear(&plain);
	buf_clear(&sealed);
	return rc;
}

/* Give out a new pair, and forget it. */
static int
give_out(struct signer *signer, struct sshkeypair *pair,
	const struct keeper_ca_limits *limits, struct buf *out, struct err *err)
{
	struct secret *key = NULL;
	uint64_t n_opens;
	int rc = copy_key(signer, &key, &n_opens, err);

	if (rc == 0)
		rc = add_sealed(secret_open(key), pair, limits, out, err);
	sshkeypair_free(&pair);
	secret_free(&key);
	return rc;
}

int
signer_generate(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	const struct span name = ipc_take_field(in, NAME_LEN_MAX);
	const uint32_t bits = ipc_take_u32(in);
	const struct keeper_ca_limits limits = { ipc_take_u64(in) };
	char type[NAME_LEN_MAX + 1] = "";
	struct sshkeypair *pair = NULL;
	int rc = ipc_end(in, err);

	if (name.len > 0)
		memcpy(type, name.data, name.len);
	if (rc == 0)
		rc = check_open(signer, err);
	if (rc == 0)
		rc = sshkeypair_generate(type, bits, &pair, err);
	return rc != 0 ? rc : give_out(signer, pair, &limits, out, err);
}

int
signer_import(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	const struct span text = ipc_take_field(in, SSHKEYPAIR_TEXT_MAX);
	const struct keeper_ca_limits limits = { ipc_take_u64(in) };
	struct sshkeypair *pair = NULL;
	int rc = ipc_end(in, err);

	if (rc == 0)
		rc = check_open(signer, err);
	if (rc == 0)
		rc = sshkeypair_parse(
			secret_view_of(text.data, text.len), &pair, err);
	return rc != 0 ? rc : give_out(signer, pair, &limits, out, err);
}

/* One more field: the signature, if the certificate may be. */
static int
add_signature(const struct opened *opened, const char *algorithm,
	bool allow_sha1, struct span bytes, struct buf *out, struct err *err)
{
	struct sshcert cert;
	struct buf signature;
	int rc;

	if (sshcert_parse_unsigned(bytes, &cert) != 0)
		return err_set(err, ERR_DENIED, 500, "internal error");
	rc = cert_check(
		&cert, sshkeypair_public(opened->pair), &opened->limits, err);
	if (rc != 0)
		return rc;
	buf_init(&signature, KEEPER_MESSAGE_MAX);
	rc = sshkeypair_sign(
		opened->pair, algorithm, allow_sha1, bytes, &signature, err);
	if (rc == 0)
		ipc_add_field(out, buf_span(&signature));
	buf_clear(&signature);
	return rc;
}

int
signer_sign(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	const struct span sealed = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	const struct span name = ipc_take_field(in, NAME_LEN_MAX);
	const bool allow_sha1 = ipc_take_u32(in) != 0;
	const struct span cert = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	char algorithm[NAME_LEN_MAX + 1] = "";
	struct opened *opened = NULL;
	int rc = ipc_end(in, err);

	if (rc == 0)
		rc = get_opened(signer, sealed, &opened, err);
	if (rc != 0)
		return rc;
	if (name.len > 0)
		memcpy(algorithm, name.data, name.len);
	rc = add_signature(opened, algorithm, allow_sha1, cert, out, err);
	let_go(signer, opened);
	return rc;
}
