/*
 * The barrier seals every value with XChaCha20-Poly1305 under a key term, the
 * record's key as associated data, so that values can be neither read, changed
 * nor swapped. The keyring holds its terms, the name key (ids and HMACs) and
 * the audit key; its bytes travel to and from the keeper, which wraps them.
 */
#ifndef SALLYPORT_STORAGE_BARRIER_H
#define SALLYPORT_STORAGE_BARRIER_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/secret.h"
#include "lib/sha256.h"

#define BARRIER_KEY 32
#define KEYRING_TERMS_MAX 256
#define KEYRING_BYTES_MAX 32768

struct barrier;

/* A barrier with a fresh keyring: term 1, name key, audit seed. NULL: memory */
struct barrier *barrier_new_keyring(int64_t now_s);

/* A barrier from keyring bytes. ERR_CRYPTO where they are malformed. */
int barrier_from_keyring(struct secret_view keyring,
	struct barrier **ret_barrier, struct err *err);

/* The keyring's bytes, for the keeper to wrap. */
int barrier_keyring(
	const struct barrier *barrier, struct buf *out, struct err *err);

/*
 * Rotating, in two steps, by one thread at a time: draw a new term's key and
 * get the keyring that has it; seal new values under it, once that keyring is
 * durable. ERR_LIMIT: the keyring is full.
 */
int barrier_draw_term(struct barrier *barrier, int64_t now_s,
	struct buf *ret_keyring, struct err *err);
void barrier_use_term(struct barrier *barrier);

/* Wipe and free; NULL is fine. */
void barrier_free(struct barrier **barrier);

/*
 * Seal value for the record called key; the result (format byte, term, nonce,
 * ciphertext, tag) is appended to out. Any thread.
 */
int barrier_seal(struct barrier *barrier, struct span key, struct span value,
	struct buf *out, struct err *err);

/* Open what barrier_seal made, into arena. ERR_CRYPTO: not authentic. */
int barrier_open(struct barrier *barrier, struct span key, struct span sealed,
	struct arena *arena, struct span *ret_value, struct err *err);

/* The keyring was wrapped long ago: term has sealed at least n values since. */
void barrier_count_from(struct barrier *barrier, uint32_t term, uint64_t n);

/* Newest term, when it came, and how many values it has sealed. */
void barrier_status(const struct barrier *barrier, uint32_t *ret_term,
	int64_t *ret_installed_s, uint64_t *ret_encryptions);

/*
 * The seed of an audit key (Ed25519); rotate never touches it. Each device has
 * a key of its own in its record, so nothing asks for this one: it is part of
 * the form of the keyring.
 */
struct secret_view barrier_audit_seed(const struct barrier *barrier);

/*
 * A key of 32 bytes for one use: HMAC-SHA-256 of label and subject under the
 * name key (labels are ours, fixed; a zero byte stands between the two).
 */
void barrier_derive(const struct barrier *barrier, const char *label,
	struct span subject, uint8_t out[BARRIER_KEY]);

/* HMAC-SHA-256 of text under the key that barrier_derive gives. */
void barrier_mac(const struct barrier *barrier, const char *label,
	struct span subject, struct span text, uint8_t out[SHA256_BYTES]);

#endif
