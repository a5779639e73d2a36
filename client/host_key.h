/*
 * Whose host key it is: the names that known_hosts files have for it, those of
 * a certificate by an authority which they trust for them, its fingerprint.
 */
#ifndef SALLYPORT_CLIENT_HOST_KEY_H
#define SALLYPORT_CLIENT_HOST_KEY_H

#include "lib/arena.h"
#include "lib/sshcert.h"

struct host_key {
	struct arena *arena;
	const char *line;           /* "ssh-ed25519 AAAA…" of the key */
	const char *fingerprint;    /* of the key */
	const struct sshcert *cert; /* a good one for hosts; or NULL */
	const char *ca_line;        /* of its authority */
};

/*
 * From the blob of a key, or of a certificate, which counts as such where its
 * signature is good and now_s (since 1970) is within its time. All of it in
 * arena, which host_key_is uses too. ERR_INPUT, ERR_MEMORY.
 */
int host_key_read(struct span blob, int64_t now_s, struct arena *arena,
	struct host_key *ret_key);

/*
 * Whether it is the key of a host that fits a comma list of patterns, in which
 * "*" stands for any text and "!" in front excludes. known_hosts: the text of
 * such files, one behind the other; a name that is hashed there fits only where
 * a pattern is that name.
 */
bool host_key_is(const struct host_key *key, struct span known_hosts,
	const char *patterns);

#endif
