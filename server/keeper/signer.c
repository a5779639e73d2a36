/*
 * Sealed CA keys and their signatures. A sealed key is a blob (wrap.h) of a
 * version byte, the limits (ca_limits.h) and the private key as OpenSSH's text,
 * all but the first as fields of a message.
 */
#include "server/keeper/signer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/lock.h"
#include "lib/random.h"
#include "lib/sshcert.h"
#include "lib/sshkeypair.h"
#include "server/keeper/ca_limits.h"
#include "server/keeper/cert_check.h"
#include "server/keeper/recent.h"
#include "server/keeper/tally.h"
#include "server/keeper/wrap.h"

#define LABEL_CA "sallyport ca key"
#define CA_VERSION 2
#define OPENED_MAX 64

static struct guard signer_guard;

/* A key that was opened. It goes with its last user, the list being one. */
struct opened {
	struct opened *next;
	unsigned n_users GUARDED_BY(signer_guard);
	struct keeper_ca_limits limits;
	struct buf forced; /* what the limits show of options */
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
	struct keeper_tally tally GUARDED_BY(signer_guard);
	struct recent *recent;
};

int
signer_new(struct signer **ret_signer, struct err *err)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	int rc;

	if (signer == NULL)
		return err_set_memory(err);
	rc = recent_new(&signer->recent, err);
	if (rc != 0) {
		free(signer);
		return rc;
	}
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
	recent_free(&(*signer)->recent);
	pthread_mutex_destroy(&(*signer)->lock);
	free(*signer);
	*signer = NULL;
}

/* ---- opened keys -------------------------------------------------------- */

static void
free_opened(struct opened *opened)
{
	if (opened == NULL)
		return;
	sshkeypair_free(&opened->pair);
	buf_clear(&opened->forced);
	free(opened);
}

static void
drop(struct opened *opened) REQUIRES(signer_guard)
{
	if (--opened->n_users > 0)
		return;
	free_opened(opened);
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

/* All that are open of this CA; "": of any. */
static void
drop_all_of(struct signer *signer, struct span ca)
{
	struct opened **at = &signer->opened;

	lock_take(&signer->lock, &signer_guard);
	while (*at != NULL) {
		struct opened *opened = *at;

		if (ca.len > 0 &&
			!span_equal(sshkeypair_public(opened->pair), ca)) {
			at = &opened->next;
			continue;
		}
		*at = opened->next;
		signer->n_opened--;
		drop(opened);
	}
	lock_give(&signer->lock, &signer_guard);
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

/*
 * Keep what was opened, unless a seal came in between, somebody else did, or
 * it is to be forgotten.
 */
static void
keep(struct signer *signer, uint64_t n_opens, struct opened *opened)
{
	struct opened *other = NULL;

	lock_take(&signer->lock, &signer_guard);
	if (signer->key == NULL || signer->n_opens != n_opens ||
		recent_is_shut(signer->recent, sshkeypair_public(opened->pair)))
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
	lock_give(&signer->lock, &signer_guard);
	drop_all_of(signer, SPAN_NONE);
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
	struct ipc_message in = ipc_read(span_of(plain.data, plain.len));
	const uint8_t version = ipc_take_byte(&in);
	struct span text;

	opened->limits = ca_limits_take(&in);
	text = ipc_take_field(&in, SSHKEYPAIR_TEXT_MAX);
	if (version != CA_VERSION || ipc_end(&in, NULL) != 0)
		return refuse_blob(err);
	if (buf_add_span(&opened->forced, opened->limits.forced) != 0)
		return err_set_memory(err);
	opened->limits.forced = buf_span(&opened->forced);
	return sshkeypair_parse(
		secret_view_of(text.data, text.len), &opened->pair, err);
}

static int
open_blob(struct secret_view key, struct span sealed,
	struct opened **ret_opened, struct err *err)
{
	const size_t len = wrap_plain_len(sealed);
	struct opened *opened = NULL;
	struct secret *plain = NULL;
	int rc;

	if (len == 0)
		return refuse_blob(err);
	plain = secret_new(len);
	opened = calloc(1, sizeof(*opened) + sealed.len);
	if (plain == NULL || opened == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	guard_unshared(&signer_guard);
	buf_init(&opened->forced, KEEPER_FORCED_MAX);
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
	free_opened(opened);
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
	struct buf text;
	int rc;

	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	rc = sshkeypair_write(pair, SSHKEYPAIR_OPENSSH, "", &text, err);
	buf_add_char(plain, CA_VERSION);
	ca_limits_add(plain, limits);
	ipc_add_field(plain, buf_span(&text));
	buf_clear(&text);
	return rc == 0 ? buf_check(plain, err) : rc;
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

/* Give out a pair. */
static int
give_out(struct signer *signer, const struct sshkeypair *pair,
	const struct keeper_ca_limits *limits, struct buf *out, struct err *err)
{
	struct secret *key = NULL;
	uint64_t n_opens;
	int rc = copy_key(signer, &key, &n_opens, err);

	if (rc == 0)
		rc = add_sealed(secret_open(key), pair, limits, out, err);
	secret_free(&key);
	return rc;
}

int
signer_generate(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	struct keeper_ca_limits limits;
	struct sshkeypair *pair = NULL;
	char type[IPC_NAME_MAX];
	uint32_t bits;
	int rc;

	ipc_take_name(in, type);
	bits = ipc_take_u32(in);
	limits = ca_limits_take(in);
	rc = ipc_end(in, err);
	if (rc == 0)
		rc = check_open(signer, err);
	if (rc == 0)
		rc = sshkeypair_generate(type, bits, &pair, err);
	if (rc == 0)
		rc = give_out(signer, pair, &limits, out, err);
	sshkeypair_free(&pair);
	return rc;
}

int
signer_import(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	const struct span text = ipc_take_field(in, SSHKEYPAIR_TEXT_MAX);
	const struct keeper_ca_limits limits = ca_limits_take(in);
	struct sshkeypair *pair = NULL;
	int rc = ipc_end(in, err);

	if (rc == 0)
		rc = check_open(signer, err);
	if (rc == 0)
		rc = sshkeypair_parse(
			secret_view_of(text.data, text.len), &pair, err);
	if (rc == 0)
		rc = give_out(signer, pair, &limits, out, err);
	sshkeypair_free(&pair);
	return rc;
}

int
signer_narrow(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	const struct span sealed = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	const struct keeper_ca_limits limits = ca_limits_take(in);
	struct opened *opened = NULL;
	int rc = ipc_end(in, err);

	if (rc == 0)
		rc = get_opened(signer, sealed, &opened, err);
	if (rc != 0)
		return rc;
	rc = ca_limits_check_narrower(&opened->limits, &limits, err);
	if (rc == 0)
		rc = give_out(signer, opened->pair, &limits, out, err);
	/* With the wider limits it does not stay open. */
	if (rc == 0)
		drop_all_of(signer, sshkeypair_public(opened->pair));
	let_go(signer, opened);
	return rc;
}

int
signer_forget(struct signer *signer, struct ipc_message *in,
	UNUSED struct buf *out, struct err *err)
{
	const struct span ca = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	int rc = ipc_end(in, err);

	if (rc != 0)
		return rc;
	/* First, so that nobody who opens it now keeps it. */
	if (ca.len > 0)
		rc = recent_shut(signer->recent, ca, err);
	drop_all_of(signer, ca);
	return rc;
}

/* ---- signing ------------------------------------------------------------ */

/* The same bytes with a serial number of their own; never 0 (G-10). */
static int
draw_serial(struct sshcert *cert, struct buf *numbered, struct err *err)
{
	const struct span bytes = cert->signed_bytes;
	int rc;

	while (cert->serial == 0)
		random_bytes(&cert->serial, sizeof(cert->serial));
	(void)buf_add_span(numbered, span_of(bytes.data, cert->serial_at));
	(void)buf_add_u64be(numbered, cert->serial);
	(void)buf_add_span(numbered,
		span_skip(bytes, cert->serial_at + sizeof(cert->serial)));
	rc = buf_check(numbered, err);
	if (rc == 0)
		cert->signed_bytes = buf_span(numbered);
	return rc;
}

/* What a caller asks of an opened key. */
struct order {
	char algorithm[IPC_NAME_MAX];
	bool allow_sha1;
	struct sshcert cert;
	uint8_t part[KEEPER_SUM]; /* of the tally, when it is signed */
};

/* Two more fields: the certificate, whole, and its serial number. */
static int
add_signed(const struct opened *opened, struct order *order, struct buf *out,
	struct err *err)
{
	struct sshcert *cert = &order->cert;
	struct buf whole, signature;
	int rc;

	buf_init(&whole, KEEPER_MESSAGE_MAX);
	buf_init(&signature, KEEPER_MESSAGE_MAX);
	rc = draw_serial(cert, &whole, err);
	if (rc == 0)
		rc = tally_part(cert, order->part, err);
	if (rc == 0)
		rc = sshkeypair_sign(opened->pair, order->algorithm,
			order->allow_sha1, cert->signed_bytes, &signature, err);
	if (rc == 0) {
		(void)sshcert_add_signature(&whole, buf_span(&signature));
		rc = buf_check(&whole, err);
	}
	if (rc == 0) {
		ipc_add_field(out, buf_span(&whole));
		ipc_add_u64(out, cert->serial);
	}
	buf_clear(&whole);
	buf_clear(&signature);
	return rc;
}

static int
fill_order(const struct opened *opened, struct recent *recent,
	struct order *order, struct buf *out, struct err *err)
{
	const struct keeper_ca_limits *limits = &opened->limits;
	const struct span ca = sshkeypair_public(opened->pair);
	int rc = cert_check(&order->cert, ca, limits, err);

	if (rc == 0 && limits->per_s != 0)
		rc = recent_pay(recent, ca, limits->per_s, err);
	return rc != 0 ? rc : add_signed(opened, order, out, err);
}

static int
take_order(struct ipc_message *in, struct order *order, struct err *err)
{
	struct span bytes;
	int rc;

	ipc_take_name(in, order->algorithm);
	order->allow_sha1 = ipc_take_u32(in) != 0;
	bytes = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	rc = ipc_end(in, err);
	if (rc != 0)
		return rc;
	if (sshcert_parse_unsigned(bytes, &order->cert) != 0)
		return err_set(err, ERR_DENIED, 500, "internal error");
	return 0;
}

int
signer_sign(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	const struct span sealed = ipc_take_field(in, KEEPER_MESSAGE_MAX);
	struct opened *opened = NULL;
	struct order order;
	int rc = take_order(in, &order, err);

	if (rc == 0)
		rc = get_opened(signer, sealed, &opened, err);
	if (rc != 0)
		return rc;
	rc = fill_order(opened, signer->recent, &order, out, err);
	lock_take(&signer->lock, &signer_guard);
	if (rc == 0)
		tally_add(&signer->tally, order.part);
	drop(opened);
	lock_give(&signer->lock, &signer_guard);
	return rc;
}

int
signer_tally(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err)
{
	struct keeper_tally tally;
	int rc = ipc_end(in, err);

	if (rc != 0)
		return rc;
	lock_take(&signer->lock, &signer_guard);
	tally = signer->tally;
	lock_give(&signer->lock, &signer_guard);
	ipc_add_u64(out, tally.n);
	ipc_add_field(out, span_of(tally.sum, sizeof(tally.sum)));
	return 0;
}
