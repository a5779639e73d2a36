/*
 * The mount table: which path belongs to which engine. sys/ and auth/token/
 * are mounts too, always there. A mount in use is held by reference, so that
 * an unmount waits for nobody and frees nothing under a running request.
 */
#ifndef SALLYPORT_SERVER_CORE_MOUNT_H
#define SALLYPORT_SERVER_CORE_MOUNT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/value.h"
#include "storage/kv.h"
#include "storage/lease.h"

struct mount;
struct mounts;
struct op;
struct req;
struct server;
struct token;
struct token_params;

/* Where the token store is. */
#define MOUNT_TOKENS "auth/token/"

/* An engine or auth method, as a table. One static instance each. */
struct mount_type {
	const char *name;        /* "ssh", "system", "token" */
	const char *description; /* for help at the mount's root */
	bool is_auth;
	bool builtin; /* cannot be mounted or removed by callers */
	const struct op *const
		*tables;       /* ends with NULL; see server/api/op.h */
	int64_t default_ttl_s; /* of its leases where nobody says; 0: system */
	/*
	 * Auth methods: whether a token of theirs may be renewed, and by which
	 * rules now: those of the user or role that it came from (server/auth/
	 * token_params.h), copied into the request's arena. NULL: its own.
	 */
	int (*renew)(struct req *req, const struct mount *mount,
		const struct token *token,
		const struct token_params **ret_params, struct err *err);
	const struct lease_hooks *lease_hooks; /* or NULL */
	/* Prepare a new mount's records, inside its closure; or NULL. */
	int (*on_mount)(
		struct store_tx *tx, const struct kv *kv, struct err *err);
};

/*
 * Leases that stand for something on another machine (LEASE_DYNAMIC). Their
 * rows go when that is gone: take_back is called until it says 0
 * (server/core/takeback.h).
 */
struct lease_hooks {
	/*
	 * Remove what the lease stands for; 0 also where it was gone. Blocks,
	 * on a thread of the queue or a worker, within a deadline of its own,
	 * TAKEBACK_CALL_MAX_S at most. The error's message is shown to
	 * operators: no secrets. ERR_PEER, ERR_TIMEOUT: the machine as a whole
	 * is of no use now, so that its other leases need not be tried. Any
	 * other error is of this lease alone; ERR_BUSY counts as no try.
	 */
	int (*take_back)(struct server *server, const struct mount *mount,
		const struct lease *lease, struct arena *arena,
		struct err *err);
	/* The machine it lies on: one of a name is called at a time. */
	int (*target)(const struct lease *lease, struct arena *arena,
		const char **ret_name, struct err *err);
	/* Before a renewal is stored: the machine is to know the new end. */
	int (*renew)(struct req *req, const struct mount *mount,
		const struct lease *lease, int64_t expire_s, struct err *err);
};

enum mount_state { MOUNT_LIVE = 1, MOUNT_REMOVING = 2 };

struct mount {
	const struct mount_type *type;
	char *path; /* "ssh/", "auth/token/"; always one trailing '/' */
	char uuid[37];
	char accessor[64];
	char *description;
	enum mount_state state;
	bool local, seal_wrap, external_entropy_access;
	bool force_no_cache;
	int64_t default_lease_ttl_s, max_lease_ttl_s; /* 0: system's */
	char *listing_visibility;                     /* "" hidden unauth */
	char *token_type;
	/* value trees owned by the mount: options (or NULL), string lists */
	struct value *options;
	struct value *audit_non_hmac_request_keys;
	struct value *audit_non_hmac_response_keys;
	struct value *passthrough_request_headers;
	struct value *allowed_response_headers;
	struct kv kv;
	struct arena *arena; /* of the strings above */
	_Atomic int refs;
	/*
	 * Its leases and records are being swept: what a request that still
	 * holds it would write comes too late (req_write refuses it).
	 */
	_Atomic bool is_going;
};

/* The effective TTLs: mount's, else system's. */
int64_t mount_default_ttl_s(
	const struct server *server, const struct mount *mount);
int64_t mount_max_ttl_s(const struct server *server, const struct mount *mount);

/* An empty table that knows these types (ends with NULL). */
int mounts_new(struct server *server, const struct mount_type *const *types,
	struct mounts **ret_mounts, struct err *err);
void mounts_free(struct mounts **mounts);

/*
 * The type of this name, sealed or not; NULL: none. An auth method may have
 * the name of an engine.
 */
const struct mount_type *mounts_type(
	const struct mounts *mounts, const char *name, bool is_auth);

/*
 * After unseal: all records are read, built-ins made where they are missing,
 * removals that were cut off finished.
 */
int mounts_load(struct mounts *mounts, struct err *err);
/* At seal: forget all but the types. */
void mounts_unload(struct mounts *mounts);

/*
 * The live mount that path lies in, held; or NULL. "ssh" lies in "ssh/". No
 * two mounts' paths nest. Allocates nothing.
 */
struct mount *mounts_find(struct mounts *mounts, const char *path);
/* Whichever has this uuid, one that is going included; held, or NULL. */
struct mount *mounts_find_uuid(struct mounts *mounts, const char *uuid);
void mount_unref(struct mounts *mounts, struct mount **mount);

/*
 * Every live mount in order of path; fn may not call back into the table, nor
 * into the store, whose readers ask for mounts.
 */
typedef int mount_fn(void *ctx, const struct mount *mount, struct err *err);
int mounts_each(
	struct mounts *mounts, mount_fn *fn, void *ctx, struct err *err);

/*
 * Add a mount; texts of spec/core-api.md 3.1. wanted carries path (of an auth
 * mount: without "auth/"), type name and settings; uuid and accessor are made
 * here. options NULL: none were given, {}; VALUE_NULL: null. Durable when it
 * returns.
 */
struct mount_wanted {
	const char *path, *type, *description;
	bool is_auth;
	bool local, seal_wrap, external_entropy_access, force_no_cache;
	int64_t default_lease_ttl_s, max_lease_ttl_s;
	const char *listing_visibility, *token_type;
	const struct value *options;
	const struct value *audit_non_hmac_request_keys;
	const struct value *audit_non_hmac_response_keys;
	const struct value *passthrough_request_headers;
	const struct value *allowed_response_headers;
};

int mounts_add(struct mounts *mounts, const struct mount_wanted *wanted,
	struct err *err);

/*
 * Change settings (tune); members that are NULL or -1 stay. Here and below a
 * path is the whole one, with "auth/" for auth mounts.
 */
int mounts_tune(struct mounts *mounts, const char *path,
	const struct mount_wanted *changes, struct err *err);

/*
 * Remove: state removing (durable), leases revoked, records deleted, entry
 * gone; resumed at load after a crash (reliability.md L15). Unknown: 0. While
 * a lease is still on another machine the mount is kept, for its keys: 400.
 */
int mounts_remove(struct mounts *mounts, const char *path, struct err *err);

/*
 * Move to another path; leases under it are revoked first, the queue of those
 * on other machines goes on. Not for auth.
 */
int mounts_move(struct mounts *mounts, const char *from, const char *to,
	struct err *err);

#endif
