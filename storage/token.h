/*
 * Token rows: what a token may do and until when. The row is a lease of kind
 * LEASE_TOKEN whose data is this record; its name is found by rowid or, for
 * ids that callers chose, through alias/<HMAC>.
 */
#ifndef SALLYPORT_STORAGE_TOKEN_H
#define SALLYPORT_STORAGE_TOKEN_H

#include "lib/secret.h"
#include "lib/value.h"
#include "storage/cache.h"
#include "storage/lease.h"

#define TOKEN_PREFIX "hvs."
#define TOKEN_TEXT_MAX 64 /* "hvs." and 24, or a chosen id */

struct token {
	struct lease lease;
	char accessor[ROWID_TEXT_MAX];
	struct str_list policies; /* sorted, lower case, no duplicates */
	const char *display_name;
	const char *path; /* "auth/token/create" */
	struct str_map meta;
	const char *entity_id; /* "" */
	const char *role;      /* of auth/token/roles that made it, or "" */
	/* What its login was proven with, for renewals alone; NULL is "". */
	const char *proof;
	/* Blocks of addresses it may be used from; none: any. */
	struct str_list bound_cidrs;
	int64_t num_uses;       /* left; 0: no limit */
	int64_t period_s;       /* 0: not periodic */
	int64_t explicit_max_s; /* ttl, not absolute; 0: none */
	int64_t creation_ttl_s;
	bool orphan;
	bool no_default_policy;
	bool batch; /* storage/token_batch.h: it has no row, lease.ref is 0 */
};

/*
 * The row that owns what a token makes: its own, or a batch token's parent's
 * (row 0: none).
 */
struct rowref token_owner(const struct token *token);

/* "service" or "batch". */
const char *token_type_name(const struct token *token);

/*
 * Where a new token belongs: all names are sealed for the token store, while
 * its row stands among the leases of the mount that made it.
 */
struct token_place {
	const char *tokens;       /* uuid of the token store's mount */
	const char *mount, *path; /* uuid of the maker's mount, path below it */
};

/*
 * What a new token needs drawn before its closure: row, salts, its text, its
 * accessor, its MAC. custom_id "" : a sealed id.
 */
struct token_draft {
	struct rowref ref;
	uint8_t salt[ROWID_SALT];
	uint8_t mac[ROWID_MAC];
	bool custom;
	char text[TOKEN_TEXT_MAX + 64]; /* the secret; wiped by the owner */
	char accessor[ROWID_TEXT_MAX];
};

int token_draft(struct store *store, const struct barrier *barrier,
	const struct token_place *place, struct span custom_id,
	struct token_draft *ret_draft, struct err *err);

/*
 * Insert the token (lease times, kind and owner filled by the caller; ref,
 * salt, mac come from the draft). ERR_EXISTS where a chosen id is taken: 400
 * "cannot create a token with a duplicate ID".
 */
int token_insert(struct store_tx *tx, const struct token_draft *draft,
	struct token *token, struct err *err);

/*
 * The live token of this text, from the cache where it can be. The token is
 * owned by the reference; a batch token is read out of its text into arena,
 * and has no reference. ERR_ABSENT for unknown, expired, revoked.
 */
int token_find(struct store *store, struct barrier *barrier, const char *mount,
	struct secret_view text, struct arena *arena, struct compiled **ret_ref,
	const struct token **ret_token, struct err *err);

/* The same by row, by accessor. */
int token_find_row(struct store *store, struct rowref ref,
	struct compiled **ret_ref, const struct token **ret_token,
	struct err *err);
int token_find_accessor(struct store *store, const struct barrier *barrier,
	const char *mount, struct span accessor, struct compiled **ret_ref,
	const struct token **ret_token, struct err *err);

/* Inside a transaction; everything into arena. ERR_ABSENT when not live. */
int token_get(struct store_tx *tx, struct rowref ref, struct arena *arena,
	struct token *ret_token, struct err *err);
int token_update(struct store_tx *tx, const struct token *old,
	const struct token *token, struct err *err);

/*
 * Take one use off a token with a limit. ERR_DENIED (403 "permission denied")
 * where none is left or it is not live. The last use leaves the row REVOKING:
 * *ret_last tells the caller to revoke its tree after the answer.
 */
int token_spend_use(struct store_tx *tx, struct rowref ref, struct arena *arena,
	bool *ret_last, struct err *err);

#endif
