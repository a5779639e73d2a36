/*
 * A dynamic key: a pair made for one lease, whose public half is put on a
 * target and taken off again when the lease ends. The row comes first, as
 * INSTALLING; then the key is installed; then the row is LIVE and the caller
 * gets the private half. Whatever goes wrong in between leaves a row that is
 * due, so that what may lie on the target is removed.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DYNAMIC_KEY_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DYNAMIC_KEY_H

#include "server/api/req.h"
#include "server/engines/ssh/records/role.h"
#include "server/outbound/outbound.h"

struct dynamic_wish {
	const char *role_name;
	const struct ssh_role *role;
	const char *ip;     /* canonical, allowed; or "" with target */
	const char *target; /* of targets/, allowed; or "" */
	const char *username;
	int64_t ttl_s, max_ttl_s;
	/*
	 * exec: we log in with the key ourselves, from this address ("": any),
	 * so that from= names it or is left out. NULL: the caller logs in.
	 */
	const char *own_source;
	/*
	 * A target that gets the private half, and its user there ("": who we
	 * log in as), in place of the caller. NULL or "": the caller gets it.
	 */
	const char *deliver, *deliver_user;
};

struct dynamic_issued {
	char lease_id[LEASE_ID_MAX];
	struct rowref ref;
	int64_t ttl_s;
	const char *host; /* dialled: ip, or the target's host */
	int64_t port;
	const char *profile;
	const char *tag;                /* which the key has there */
	struct secret_view private_key; /* in the request's arena; or none */
	const char *deliver, *deliver_user; /* who has it then; or "" */
	/*
	 * For a login by ourselves. host_keys: the one that was shown at
	 * installing, where that went over SSH; else the pinned ones.
	 */
	struct str_list host_keys;
	enum outbound_host_key_policy policy; /* STRICT after SSH */
	const char *source;                   /* own_source, role's, target's */
	bool legacy_crypto;
};

/*
 * Blocks while the key is installed: on workers. Errors of the target are 500
 * with "failed to add public key to authorized_keys file in target: …".
 */
int dynamic_key_issue(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_issued *ret_issued, struct err *err);

/* For exec: revoke it now, in the request; what fails goes on in the queue. */
int dynamic_key_end(
	struct req *req, const struct dynamic_issued *issued, struct err *err);

/* What a lease says of where its key lies, in arena. */
struct dynamic_place {
	const char *target; /* of targets/, or "" */
	const char *host;
	int64_t port;
	const char *profile, *username;
	const char *key;        /* of keys/ */
	int64_t key_version;    /* which it logs in with (named_key.h) */
	const char *tag;        /* "sallyport:<server>:<lease>" */
	const char *public_key; /* "type base64" */
};

/*
 * Call fn for every dynamic lease of a mount that is not gone, those that are
 * being installed or taken back too, page by page and outside transactions;
 * what it is given lives as long as the call. Non-zero ends the walk and is
 * returned. (lease_walk.h reads the rows.)
 */
typedef int dynamic_key_fn(void *ctx, const struct lease *lease,
	const struct dynamic_place *place, struct err *err);
int dynamic_key_each(struct server *server, const struct mount *mount,
	dynamic_key_fn *fn, void *ctx, struct err *err);

/* The machine there was mended: keys that wait to be taken off are due now. */
int dynamic_key_again(
	struct req *req, const char *host, int64_t port, struct err *err);

/*
 * What the tags of this server's keys begin with, and nobody else's:
 * "sallyport:<8 of the cluster id>:", in arena. ERR_SEALED.
 */
int dynamic_key_mark(struct server *server, struct arena *arena,
	const char **ret_mark, struct err *err);

extern const struct lease_hooks ssh_lease_hooks; /* server/core/mount.h */

#endif
