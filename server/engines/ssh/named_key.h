/*
 * keys/:name: the key pairs that the server logs in to targets with. The
 * private half is sealed by the keeper; a replaced key keeps its former
 * versions for the leases that were made with them (spec/gaps.md G-12).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_NAMED_KEY_H
#define SALLYPORT_SERVER_ENGINES_SSH_NAMED_KEY_H

#include "server/api/record_ops.h"

struct ssh_named_key;

/* The current version's number and public line ("type base64"). */
struct named_key_info {
	int64_t version;
	const char *public_key;
	const char *fingerprint; /* SHA256:… */
};

/*
 * What is known of a key, in a transaction, into arena. ERR_ABSENT with the
 * text 'key "x" not found'.
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

#endif
