/*
 * Rows: every credential that the server could take back, tokens included.
 * A row lives under row/<path number><row number>, is found by its sealed
 * names (storage/rowid.h), is due by its expiry and belongs to the token that
 * made it (own/<token row>/<row>). Functions that take a tx are for use inside
 * write or read functions; the rest draws numbers and ids before them.
 */
#ifndef SALLYPORT_STORAGE_LEASE_H
#define SALLYPORT_STORAGE_LEASE_H

#include "lib/arena.h"
#include "storage/rowid.h"
#include "storage/store.h"

/*
 * Stored; never reuse a number. A nonce's row is made by its one use. A
 * certificate cannot be taken back by its row going: the row is what is known
 * of it, the other kind what a revocation list says. A dynamic lease lies on
 * another machine: nothing deletes its row before it is gone from there; what
 * would delete another row puts it into the queue (below).
 */
enum lease_kind {
	LEASE_TOKEN = 1,
	LEASE_OTP = 2,
	LEASE_SECRET_ID = 3,
	LEASE_DYNAMIC = 4,
	LEASE_NONCE = 5,
	LEASE_CERT = 6,
	LEASE_REVOKED_CERT = 7,
	LEASE_ENROLMENT = 8
};

enum lease_state {
	LEASE_LIVE = 1,
	LEASE_USED = 2,      /* a spent OTP: stays until expiry or revoke */
	LEASE_REVOKING = 3,  /* dead for every use; what it owns is going */
	LEASE_INSTALLING = 4 /* dynamic: it may or may not be there yet */
};

#define LEASE_ERROR_MAX 500                /* bytes of why that are kept */
#define LEASE_DATA_MAX ((size_t)63 * 1024) /* with the head below 64 KiB */

/* Of a LEASE_DYNAMIC row. */
struct lease_takeback {
	/*
	 * INSTALLING: when its install is over for sure; LIVE: when its renewal
	 * is, if one goes on; REVOKING: the next try.
	 */
	int64_t next_try_s;
	bool is_installing; /* REVOKING: it may be, until next_try_s */
	bool is_claimed;    /* a try goes on, or its server died over it */
	uint32_t attempts;  /* tries that failed */
	struct span why;    /* the last one did; text, or empty */
};

struct lease {
	struct rowref ref;
	enum lease_kind kind;
	enum lease_state state;
	bool renewable;
	bool chosen;             /* alias/<mac> leads here: a chosen id */
	bool counted;            /* good for some uses: no restore brings it */
	int64_t issue_ns;        /* since 1970 */
	int64_t expire_s;        /* absolute; 0: never (root, secret ids) */
	int64_t max_s;           /* absolute end of renewals; 0: none */
	int64_t ttl_s;           /* last granted */
	int64_t last_renewal_ns; /* 0: never renewed */
	struct rowref owner;     /* token row; row 0: none */
	uint8_t salt[ROWID_SALT];
	uint8_t mac[ROWID_MAC]; /* of the OTP or token; zeros where none */
	uint32_t misses;        /* refused uses of a right OTP (G-2) */
	char request_id[37];
	struct lease_takeback takeback;
	struct span data; /* the kind's own bytes */
};

/*
 * The number of a lease path ("creds/web") of a mount, made at its first use.
 * ERR_LIMIT past 2^32 - 1 paths. A path that begins with LEASE_PRIVATE is of
 * rows that are nobody's leases ("/secret-id/<role>"): walks and revokes below
 * other prefixes pass it by.
 */
#define LEASE_PRIVATE "/"
int lease_path_number(struct store *store, const char *mount, const char *path,
	uint32_t *ret_number, struct err *err);

/*
 * 0 where such a number was given out, to whichever path; ERR_ABSENT where not.
 * From the cache: it tells a guessed row name from one of ours.
 */
int lease_path_check(struct store *store, uint32_t number, struct err *err);

/* Mount uuid and path of a number, into arena. ERR_ABSENT. */
int lease_path_of(struct store_tx *tx, uint32_t number, struct arena *arena,
	const char **ret_mount, const char **ret_path, struct err *err);

/*
 * Store a new row with its due and owner entries. ERR_EXISTS: ref is taken.
 * ERR_DENIED (403): the token that is to own it is not live any more.
 */
int lease_insert(
	struct store_tx *tx, const struct lease *lease, struct err *err);

/* Read a row by number; data into arena. ERR_ABSENT (404, empty message). */
int lease_get(struct store_tx *tx, struct rowref ref, struct arena *arena,
	struct lease *ret_lease, struct err *err);

/*
 * Replace a row; its entries in the indexes follow it: due by expire_s
 * (INSTALLING: by next_try_s), at once where it is REVOKING, or queued where
 * it is REVOKING and dynamic. old is the lease as it was read in this same
 * transaction.
 */
int lease_update(struct store_tx *tx, const struct lease *old,
	const struct lease *lease, struct err *err);

/* Delete a row and its index entries. It may own nothing any more. */
int lease_delete(
	struct store_tx *tx, const struct lease *lease, struct err *err);

/*
 * Make a row dead for every use; whoever does goes on with lease_revoke_tree.
 * A dynamic one is its token's no more and stands in the queue: at once, or
 * when its install is over, since nothing can be removed before it is there.
 */
int lease_mark_revoking(
	struct store_tx *tx, struct lease *lease, struct err *err);

/*
 * Chosen ids: what leads from a row's mac to it, which goes with the row.
 * ERR_EXISTS: it is taken; no message.
 */
int lease_alias_put(
	struct store_tx *tx, const struct lease *lease, struct err *err);
int lease_alias_get(struct store_tx *tx, const uint8_t mac[ROWID_MAC],
	struct arena *arena, struct rowref *ret_ref, struct err *err);

/* The row stands in the queue, at takeback.next_try_s. */
bool lease_is_queued(const struct lease *lease);

/* Live and not past its time (tx_now_s). */
bool lease_is_live(const struct store_tx *tx, const struct lease *lease);

/*
 * One bounded step of taking back a row and all it owns, deepest first, at
 * most budget rows. *ret_done: the row itself is gone (or never was), or in
 * the queue. Call it
 * in store_write functions until done; a crash in between leaves the row
 * REVOKING and due, and expiry finishes it.
 */
int lease_revoke_step(struct store_tx *tx, struct rowref ref, size_t budget,
	struct arena *arena, bool *ret_done, struct err *err);

/*
 * All of it, in as many transactions as it takes. Unknown rows: success. Rows
 * that cannot be read go as well, here and with a prefix.
 */
int lease_revoke_tree(struct store *store, struct rowref ref, struct err *err);

/*
 * Child tokens are freed from a token and live on (revoke-orphan); then it and
 * its leases are gone.
 */
int lease_revoke_orphan(
	struct store *store, struct rowref token, struct err *err);

/*
 * Set the new times in lease; the caller stores it, by lease_update or
 * token_update. The new ttl counts from now and is cut at max_s. Refused with
 * the texts of spec/core-api.md 5.4: not renewable, expired (under 1 s left),
 * past the max TTL. increment_s 0: default_s. period_s > 0: a periodic token.
 */
struct lease_renewal {
	int64_t increment_s, default_s, period_s;
	bool ret_capped; /* the ttl was cut at max_s */
};

int lease_renew(const struct store_tx *tx, struct lease *lease,
	struct lease_renewal *renewal, struct err *err);

/* ---- by lease id ----------------------------------------------------- */

#define LEASE_ID_MAX 512

/* "<mount path><lease path>/<tail>"; mount_path ends in '/'. */
int lease_id_format(const struct barrier *barrier, const char *mount_uuid,
	const char *mount_path, const char *path, const struct lease *lease,
	char out[LEASE_ID_MAX], struct err *err);

/*
 * The row that a tail names below a mount and path, checked against the row's
 * own salt and path. ERR_ABSENT.
 */
int lease_find_by_tail(struct store_tx *tx, const struct barrier *barrier,
	const char *mount_uuid, const char *path, struct span tail,
	struct arena *arena, struct lease *ret_lease, struct err *err);

/* Path numbers of a mount whose path is prefix or lies below it. */
typedef int lease_path_fn(
	void *ctx, uint32_t number, const char *path, struct err *err);
int lease_paths(struct store_tx *tx, const char *mount_uuid, const char *prefix,
	struct arena *arena, lease_path_fn *fn, void *ctx, struct err *err);

/* Rows of one path after a row number, in order, at most limit. */
typedef int lease_row_fn(void *ctx, const struct lease *lease, struct err *err);
int lease_rows(struct store_tx *tx, uint32_t path, uint64_t after, size_t limit,
	struct arena *arena, lease_row_fn *fn, void *ctx, struct err *err);

/* Take back every row of a mount under a path prefix ("" is all). */
int lease_revoke_prefix(struct store *store, const char *mount_uuid,
	const char *prefix, struct err *err);

/*
 * Rows that are due now: up to limit are taken back (one transaction). The
 * expiry thread calls it until *ret_more is false; *ret_next_s: when the next
 * one is due, 0 where none is.
 */
int lease_expire_due(struct store *store, size_t limit, bool *ret_more,
	int64_t *ret_next_s, struct err *err);

/* How many leases there are, tokens and private rows left out. */
int lease_count(struct store *store, uint64_t *ret_n, struct err *err);

/* ---- the queue of what lies on other machines --------------------------- */

/*
 * LEASE_DYNAMIC rows are inserted as INSTALLING, with takeback.next_try_s set
 * past every deadline of the install, and become LIVE by lease_end_install.
 * What ends any row puts such a one into the queue, as REVOKING; it goes when
 * somebody has removed what it stands for (lease_queue_done), or by force.
 */

/*
 * The end of an install, inside a closure; lease is the row as it was inserted
 * (this row or a copy of the same ref and data). good and still INSTALLING: the
 * row is LIVE, *ret_live, and the caller may have what it stands for. Else the
 * row is queued for now, since the install is over: it was not good, or the
 * lease was revoked meanwhile. Even one that was forced away is put back.
 */
int lease_end_install(struct store_tx *tx, const struct lease *lease, bool good,
	struct arena *arena, bool *ret_live, struct err *err);

/*
 * Around a renewal that puts a key there once more, inside closures. From the
 * begin to the end, or until over_s where the end never comes, whatever ends
 * the row waits, as it does for an install; for several that meet it waits
 * until the over_s of the first may have passed. The begin refuses a row that
 * is not LIVE (400). lease is the row as it was read before the begin. Where it
 * is LIVE no more at the end, it is queued for now, and put back where it has
 * gone; but is_there false: nothing came.
 */
struct lease_again {
	int64_t over_s;     /* the call is over for sure */
	int64_t ret_before; /* the same of one that began before */
};

int lease_begin_renewal(struct store_tx *tx, const struct lease *lease,
	struct lease_again *again, struct arena *arena, struct err *err);
int lease_end_renewal(struct store_tx *tx, const struct lease *lease,
	const struct lease_again *again, bool is_there, struct arena *arena,
	bool *ret_live, struct err *err);

/*
 * A page of the queue: the rows behind a place, by time of their next try, at
 * most limit and none past until_s. Rows that cannot be read are passed by. fn
 * as of lease_rows; ret_end: where the next page begins, ret_more: there may be
 * one.
 */
struct lease_queue_place {
	int64_t next_try_s; /* zeros: the start */
	struct rowref ref;
};

struct lease_queue_page {
	struct lease_queue_place after;
	int64_t until_s;
	size_t limit;
	struct lease_queue_place ret_end;
	bool ret_more;
};

int lease_queue_rows(struct store_tx *tx, struct lease_queue_page *page,
	struct arena *arena, lease_row_fn *fn, void *ctx, struct err *err);

/*
 * Before a try: the row's next one is moved to claim_s from now, durably, so
 * that nobody else tries meanwhile and somebody does after a crash. is_forced:
 * though it is not due, but not while it may still be being installed.
 * ret_claimed false: it is not queued any more, or (ret_waits) not due.
 */
struct lease_claim {
	struct rowref ref;
	int64_t claim_s;
	bool is_forced;
	bool ret_claimed, ret_waits;
	struct lease ret_lease; /* as before; in the arena */
};

int lease_queue_claim(struct store *store, struct lease_claim *claim,
	struct arena *arena, struct err *err);

/*
 * Before the first claim of a process, which has the store alone: those that
 * stand are of tries that died with the process before it, and their rows are
 * due now. What was put off or may be being installed waits on.
 */
int lease_queue_release(struct store *store, struct err *err);

/* It was removed: the row goes, if it is still queued. */
int lease_queue_done(struct store *store, struct rowref ref, struct err *err);

/* It was not: next try at next_try_s. counts: as one more attempt. */
struct lease_failure {
	const char *why; /* shown to operators; NULL: what stands there */
	int64_t next_try_s;
	bool counts;
};

int lease_queue_failed(struct store *store, const struct rowref *refs, size_t n,
	const struct lease_failure *failure, struct err *err);

/* Delete a queued row without removing anything; absent: 0. */
int lease_force(struct store *store, struct rowref ref, struct err *err);

/* All those of a mount under a prefix; after lease_revoke_prefix. */
int lease_force_prefix(struct store *store, const char *mount_uuid,
	const char *prefix, struct err *err);

/* The first of them, at most cap. */
int lease_queue_below(struct store *store, const char *mount_uuid,
	const char *prefix, size_t cap, struct rowref *refs, size_t *ret_n,
	struct err *err);

/* How many of a mount's rows are queued (uuid NULL: of all mounts). */
struct lease_queue_size {
	uint64_t n_pending;
	uint64_t n_irrevocable; /* of them: LEASE_MANY_ATTEMPTS or more */
};

#define LEASE_MANY_ATTEMPTS 6

int lease_queue_size(struct store *store, const char *mount_uuid,
	struct lease_queue_size *ret_size, struct err *err);

#endif
