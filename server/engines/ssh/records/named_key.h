/*
 * keys/:name: the key pairs that the server logs in to targets with. The
 * private half is sealed by the keeper; a replaced key keeps its former
 * versions for the leases that were made with them (spec/gaps.md G-12). A
 * deleted one does too: its name leads nowhere, its versions go when nobody
 * needs them any more.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_RECORDS_NAMED_KEY_H
#define SALLYPORT_SERVER_ENGINES_SSH_RECORDS_NAMED_KEY_H

#include "server/api/record_ops.h"

/* The current version's number and public line ("type base64"). */
struct named_key_info {
	int64_t version;
	const char *public_key;
	const char *fingerprint; /* SHA256:… */
};

/*
 * What is known of a key, in a transaction, into arena. ERR_ABSENT (500) with
 * the text 'key "x" not found'. Whoever inserts a lease that uses a key asks in
 * the same transaction: such a version is not forgotten then.
 */
int named_key_get(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, struct named_key_info *ret_info, struct err *err);

/*
 * The private half of a version as OpenSSH's text, into arena, which wipes it:
 * for the call that logs in, and no longer. Asks the keeper. version 0: the
 * current one. ERR_ABSENT as above, also for a version that is gone.
 */
int named_key_open(struct server *server, const struct kv *kv, const char *name,
	int64_t version, struct arena *arena, struct secret_view *ret_text,
	struct err *err);

/* ---- for keys/ itself ---------------------------------------------------- */

/* The record of a name. */
struct ssh_named_key {
	int64_t version;         /* the current one */
	const char *public_key;  /* its line */
	const char *fingerprint; /* and hash */
	int64_t created_s;       /* when it was made or taken in */
	int64_t max_age;         /* s after which reads warn; 0: never */
	bool generated;          /* by the keeper */
};

extern const struct record_type ssh_named_key_record; /* keys/ */

/* "ssh-ed25519" of "ssh-ed25519 AAAA…". NULL: no memory. */
struct value *named_key_type(struct arena *arena, const char *public_key);

/* A version, with its private half. */
struct named_key_version {
	const char *key; /* its name, … */
	int64_t version; /* … and number: of its record's name */
	const char *public_key;
	const char *sealed; /* base64 */
	int64_t created_s;
};

/*
 * Each version of a key that is there, in order of number; name NULL: of every
 * key, deleted ones too. Its key lives as long as arena, the rest until fn
 * returns.
 */
typedef int named_key_version_fn(
	void *ctx, const struct named_key_version *version, struct err *err);
int named_key_versions(struct store_tx *tx, const struct kv *kv,
	const char *name, struct arena *arena, named_key_version_fn *fn,
	void *ctx, struct err *err);

/*
 * Store a pair as the version behind all that are there, and the current one
 * from now on; key->version says which, or is that of the pair where it was the
 * current one already.
 */
int named_key_put(struct store_tx *tx, const struct kv *kv, const char *name,
	struct ssh_named_key *key, const char *sealed, struct arena *arena,
	struct err *err);

int named_key_drop_version(struct store_tx *tx, const struct kv *kv,
	const char *name, int64_t version, struct arena *arena,
	struct err *err);

#endif
