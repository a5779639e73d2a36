/*
 * Sealing values and holding the keys for it. Terms are only ever added, at
 * the end of a fixed table whose length is published last, so that threads
 * which seal need no lock; whoever rotates does so alone.
 */
#include "storage/barrier.h"

#include <endian.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "lib/lock.h"
#include "lib/random.h"

/* A sealed value: format byte, term (u32be), nonce, ciphertext and tag. */
#define FORMAT_SEALED 1
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD (1 + sizeof(uint32_t))
#define OVERHEAD (HEAD + NONCE + TAG)

/* Associated data: the head and the record's key. */
#define RECORD_KEY_MAX 1024
#define AAD_MAX (HEAD + RECORD_KEY_MAX)

/*
 * Keyring bytes: version, name key, audit seed, number of terms (u32be), and
 * for each term its number (u32be), time (i64be), count (u64be) and key.
 */
#define KEYRING_VERSION 1
#define TERM_BYTES (4 + 8 + 8 + BARRIER_KEY)
#define KEYRING_HEAD (1 + 2 * BARRIER_KEY + 4)

struct term {
	int64_t installed_s;
	_Atomic uint64_t encryptions;
};

/* Derived keys are asked for often: the first ones are kept. */
#define DERIVED_MAX 64
#define LABEL_MAX 32
#define SUBJECT_MAX 40 /* a mount's uuid is 36 */

struct derived {
	char label[LABEL_MAX];
	size_t subject_len;
	uint8_t subject[SUBJECT_MAX];
	uint8_t key[BARRIER_KEY];
	struct hmac_key mac; /* the same key, ready to hash with */
};

static struct guard derived_guard; /* of n_derived, for changing it */

/* The guarded pages of a barrier. */
struct keys {
	uint8_t name[BARRIER_KEY];
	uint8_t audit_seed[BARRIER_KEY];
	uint8_t terms[KEYRING_TERMS_MAX][BARRIER_KEY];
	pthread_mutex_t derived_lock; /* for adding */
	_Atomic size_t n_derived;     /* entries before it never change */
	struct derived derived[DERIVED_MAX];
};

struct barrier {
	_Atomic uint32_t n_terms;
	uint32_t first_term; /* number of terms[0]; the rest follow on */
	struct secret *secret;
	struct keys *keys; /* in secret */
	struct term terms[KEYRING_TERMS_MAX];
};

static struct barrier *
barrier_alloc(void)
{
	struct barrier *barrier = calloc(1, sizeof(*barrier));

	if (barrier == NULL)
		return NULL;
	barrier->secret = secret_new(sizeof(struct keys));
	if (barrier->secret == NULL) {
		free(barrier);
		return NULL;
	}
	barrier->keys = (struct keys *)(void *)secret_bytes(barrier->secret);
	pthread_mutex_init(&barrier->keys->derived_lock, NULL);
	return barrier;
}

void
barrier_free(struct barrier **barrier)
{
	if (*barrier == NULL)
		return;
	pthread_mutex_destroy(&(*barrier)->keys->derived_lock);
	secret_free(&(*barrier)->secret);
	free(*barrier);
	*barrier = NULL;
}

struct barrier *
barrier_new_keyring(int64_t now_s)
{
	struct barrier *barrier = barrier_alloc();

	if (barrier == NULL)
		return NULL;
	random_bytes(barrier->keys->name, BARRIER_KEY);
	random_bytes(barrier->keys->audit_seed, BARRIER_KEY);
	random_bytes(barrier->keys->terms[0], BARRIER_KEY);
	barrier->first_term = 1;
	barrier->terms[0].installed_s = now_s;
	atomic_store(&barrier->n_terms, 1);
	return barrier;
}

void
barrier_count_from(struct barrier *barrier, uint32_t term, uint64_t n)
{
	uint32_t i = term - barrier->first_term;
	struct term *entry = &barrier->terms[i % KEYRING_TERMS_MAX];

	if (i < atomic_load(&barrier->n_terms) &&
		n > atomic_load(&entry->encryptions))
		atomic_store(&entry->encryptions, n);
}

void
barrier_status(const struct barrier *barrier, uint32_t *ret_term,
	int64_t *ret_installed_s, uint64_t *ret_encryptions)
{
	uint32_t last = atomic_load(&barrier->n_terms) - 1;

	*ret_term = barrier->first_term + last;
	*ret_installed_s = barrier->terms[last].installed_s;
	*ret_encryptions = atomic_load(&barrier->terms[last].encryptions);
}

/* ---- the keyring's bytes --------------------------------------------- */

static void
encode_term(const struct barrier *barrier, uint32_t i, struct buf *out)
{
	const struct term *term = &barrier->terms[i];

	(void)buf_add_u32be(out, barrier->first_term + i);
	(void)buf_add_u64be(out, (uint64_t)term->installed_s);
	(void)buf_add_u64be(out, atomic_load(&term->encryptions));
	(void)buf_add(out, barrier->keys->terms[i], BARRIER_KEY);
}

static int
encode_keyring(const struct barrier *barrier, uint32_t n, struct buf *out,
	struct err *err)
{
	uint32_t i;

	(void)buf_add_char(out, KEYRING_VERSION);
	(void)buf_add(out, barrier->keys->name, BARRIER_KEY);
	(void)buf_add(out, barrier->keys->audit_seed, BARRIER_KEY);
	(void)buf_add_u32be(out, n);
	for (i = 0; i < n; i++)
		encode_term(barrier, i, out);
	return buf_check(out, err);
}

int
barrier_keyring(const struct barrier *barrier, struct buf *out, struct err *err)
{
	return encode_keyring(
		barrier, atomic_load(&barrier->n_terms), out, err);
}

int
barrier_draw_term(struct barrier *barrier, int64_t now_s,
	struct buf *ret_keyring, struct err *err)
{
	uint32_t n = atomic_load(&barrier->n_terms);

	if (n == KEYRING_TERMS_MAX)
		return err_set(err, ERR_LIMIT, 500, "too many key terms");
	random_bytes(barrier->keys->terms[n], BARRIER_KEY);
	barrier->terms[n].installed_s = now_s;
	atomic_store(&barrier->terms[n].encryptions, 0);
	return encode_keyring(barrier, n + 1, ret_keyring, err);
}

void
barrier_use_term(struct barrier *barrier)
{
	atomic_fetch_add(&barrier->n_terms, 1);
}

static uint32_t
read_u32(const uint8_t *bytes)
{
	uint32_t n;

	memcpy(&n, bytes, sizeof(n));
	return be32toh(n);
}

static uint64_t
read_u64(const uint8_t *bytes)
{
	uint64_t n;

	memcpy(&n, bytes, sizeof(n));
	return be64toh(n);
}

/* Terms are numbered one after the other, from at least 1. */
static bool
decode_term(struct barrier *barrier, uint32_t i, const uint8_t *bytes)
{
	struct term *term = &barrier->terms[i];
	uint32_t number = read_u32(bytes);

	if (i == 0)
		barrier->first_term = number;
	if (number == 0 || number != barrier->first_term + i)
		return false;
	term->installed_s = (int64_t)read_u64(bytes + 4);
	atomic_store(&term->encryptions, read_u64(bytes + 12));
	memcpy(barrier->keys->terms[i], bytes + 20, BARRIER_KEY);
	return true;
}

static bool
decode_keyring(struct barrier *barrier, struct secret_view keyring)
{
	const uint8_t *at = keyring.data;
	uint32_t i, n;

	if (keyring.len < KEYRING_HEAD || at[0] != KEYRING_VERSION)
		return false;
	n = read_u32(at + 1 + 2 * BARRIER_KEY);
	if (n == 0 || n > KEYRING_TERMS_MAX ||
		keyring.len != KEYRING_HEAD + (size_t)n * TERM_BYTES)
		return false;
	memcpy(barrier->keys->name, at + 1, BARRIER_KEY);
	memcpy(barrier->keys->audit_seed, at + 1 + BARRIER_KEY, BARRIER_KEY);
	for (i = 0, at += KEYRING_HEAD; i < n; i++, at += TERM_BYTES) {
		if (!decode_term(barrier, i, at))
			return false;
	}
	atomic_store(&barrier->n_terms, n);
	return true;
}

int
barrier_from_keyring(struct secret_view keyring, struct barrier **ret_barrier,
	struct err *err)
{
	struct barrier *barrier = barrier_alloc();

	if (barrier == NULL)
		return err_set_memory(err);
	if (!decode_keyring(barrier, keyring)) {
		barrier_free(&barrier);
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	}
	*ret_barrier = barrier;
	return 0;
}

/* ---- sealing --------------------------------------------------------- */

static size_t
make_aad(uint8_t aad[AAD_MAX], const uint8_t head[HEAD], struct span key)
{
	memcpy(aad, head, HEAD);
	if (key.len > 0)
		memcpy(aad + HEAD, key.data, key.len);
	return HEAD + key.len;
}

int
barrier_seal(struct barrier *barrier, struct span key, struct span value,
	struct buf *out, struct err *err)
{
	uint32_t i = atomic_load(&barrier->n_terms) - 1;
	uint32_t number = htobe32(barrier->first_term + i);
	uint8_t aad[AAD_MAX], *at = NULL;
	size_t len;

	if (key.len > RECORD_KEY_MAX || !size_add(value.len, OVERHEAD, &len))
		return err_set(err, ERR_LIMIT, 500, "internal error");
	at = buf_reserve(out, len);
	if (at == NULL)
		return buf_check(out, err);
	at[0] = FORMAT_SEALED;
	memcpy(at + 1, &number, sizeof(number));
	random_bytes(at + HEAD, NONCE);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(at + HEAD + NONCE,
		NULL, value.data, value.len, aad, make_aad(aad, at, key), NULL,
		at + HEAD, barrier->keys->terms[i]);
	out->len += len;
	atomic_fetch_add(&barrier->terms[i].encryptions, 1);
	return 0;
}

/* The index of the term that a sealed value names; false: malformed. */
static bool
find_term(const struct barrier *barrier, struct span key, struct span sealed,
	uint32_t *ret_i)
{
	uint32_t i;

	if (sealed.len < OVERHEAD || sealed.data[0] != FORMAT_SEALED ||
		key.len > RECORD_KEY_MAX)
		return false;
	i = read_u32(sealed.data + 1) - barrier->first_term;
	*ret_i = i;
	return i < atomic_load(&barrier->n_terms);
}

int
barrier_open(struct barrier *barrier, struct span key, struct span sealed,
	struct arena *arena, struct span *ret_value, struct err *err)
{
	uint8_t aad[AAD_MAX], *value = NULL;
	uint32_t i;
	size_t len;

	if (!find_term(barrier, key, sealed, &i))
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	len = sealed.len - OVERHEAD;
	value = arena_alloc(arena, len + 1, 1);
	if (value == NULL)
		return err_set_memory(err);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(value, NULL, NULL,
		    sealed.data + HEAD + NONCE, sealed.len - HEAD - NONCE, aad,
		    make_aad(aad, sealed.data, key), sealed.data + HEAD,
		    barrier->keys->terms[i]) != 0)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	*ret_value = span_of(value, len);
	return 0;
}

/* ---- derived keys ---------------------------------------------------- */

struct secret_view
barrier_audit_seed(const struct barrier *barrier)
{
	return secret_view_of(barrier->keys->audit_seed, BARRIER_KEY);
}

static void
derive(const struct keys *keys, const char *label, struct span subject,
	uint8_t out[BARRIER_KEY])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, keys->name, BARRIER_KEY);
	crypto_auth_hmacsha256_update(
		&state, (const uint8_t *)label, strlen(label) + 1);
	if (subject.len > 0)
		crypto_auth_hmacsha256_update(
			&state, subject.data, subject.len);
	crypto_auth_hmacsha256_final(&state, out);
	secret_wipe(&state, sizeof(state));
}

/* Keep a key; of two threads that derive the same, both may. */
static void
keep_derived(struct keys *keys, const char *label, struct span subject,
	const uint8_t key[BARRIER_KEY])
{
	struct derived *entry = NULL;
	size_t n;

	if (subject.len > SUBJECT_MAX || strlen(label) >= LABEL_MAX)
		return;
	lock_take(&keys->derived_lock, &derived_guard);
	n = atomic_load(&keys->n_derived);
	if (n < DERIVED_MAX) {
		entry = &keys->derived[n];
		memcpy(entry->label, label, strlen(label) + 1);
		entry->subject_len = subject.len;
		if (subject.len > 0)
			memcpy(entry->subject, subject.data, subject.len);
		memcpy(entry->key, key, BARRIER_KEY);
		hmac_key_init(&entry->mac, key);
		atomic_store(&keys->n_derived, n + 1);
	}
	lock_give(&keys->derived_lock, &derived_guard);
}

/* Labels differ at once; most subjects are the same. */
static bool
is_derived(const struct derived *entry, const char *label, struct span subject)
{
	return strcmp(entry->label, label) == 0 &&
		span_equal(
			span_of(entry->subject, entry->subject_len), subject);
}

/* NULL where it was not kept. */
static const struct derived *
find_derived(const struct keys *keys, const char *label, struct span subject)
{
	size_t n = atomic_load(&keys->n_derived);

	for (size_t i = 0; i < n; i++) {
		if (is_derived(&keys->derived[i], label, subject))
			return &keys->derived[i];
	}
	return NULL;
}

void
barrier_derive(const struct barrier *barrier, const char *label,
	struct span subject, uint8_t out[BARRIER_KEY])
{
	struct keys *keys = barrier->keys;
	const struct derived *kept = find_derived(keys, label, subject);

	if (kept != NULL) {
		memcpy(out, kept->key, BARRIER_KEY);
		return;
	}
	derive(keys, label, subject, out);
	keep_derived(keys, label, subject, out);
}

void
barrier_mac(const struct barrier *barrier, const char *label,
	struct span subject, struct span text, uint8_t out[SHA256_BYTES])
{
	const struct derived *kept =
		find_derived(barrier->keys, label, subject);
	uint8_t bytes[BARRIER_KEY];
	struct hmac_key key;

	if (kept != NULL) {
		hmac_sha256(&kept->mac, text, out);
		return;
	}
	barrier_derive(barrier, label, subject, bytes);
	hmac_key_init(&key, bytes);
	hmac_sha256(&key, text, out);
	hmac_key_clear(&key);
	secret_wipe(bytes, sizeof(bytes));
}
