/*
 * Secret ids as rows of kind LEASE_SECRET_ID below "/secret-id/<role's own
 * id>": a keyed hash of its text, uses left, addresses, metadata. A row is
 * good for its role and mount alone (reliability.md L09), and what is spent of
 * it is decided in the transaction that makes the token.
 */
#ifndef SALLYPORT_SERVER_AUTH_APPROLE_SECRET_ID_H
#define SALLYPORT_SERVER_AUTH_APPROLE_SECRET_ID_H

#include "server/auth/approle/role.h"

struct approle_secret_id {
	struct lease lease;
	int64_t num_uses; /* left; 0: no limit */
	struct str_map metadata;
	struct str_list cidr_list, token_bound_cidrs;
};

/* The secret ids of one role, for a request at its mount. */
struct approle_secrets {
	struct req *req;
	const char *role; /* its own id */
	uint32_t path;    /* number of their lease path */
};

/* Their lease path, into req's arena; NULL: no memory. */
const char *approle_secret_path(
	const struct req *req, const struct approle_role *role);

/* Not inside a transaction: the path may still need its number. */
int approle_secrets_of(struct req *req, const struct approle_role *role,
	struct approle_secrets *ret_secrets, struct err *err);

/* A new one: everything that is drawn before its closure. */
struct approle_secret_draft {
	struct approle_secret_id secret;
	struct secret_view text; /* in the arena */
	char accessor[ROWID_TEXT_MAX];
};

/* custom empty: a text of our own. The rest of secret is the caller's. */
int approle_secret_draw(const struct approle_secrets *secrets,
	struct secret_view custom, struct approle_secret_draft *draft,
	struct err *err);

/*
 * In the writer: it lives ttl_s from now, 0: for ever. 400 "failed to store
 * secret_id: SecretID is already registered" where a custom one is taken.
 */
int approle_secret_insert(struct store_tx *tx,
	const struct approle_secrets *secrets,
	struct approle_secret_draft *draft, int64_t ttl_s, struct err *err);

/*
 * A live one by its text or accessor, into req's arena. ERR_ABSENT for unknown,
 * spent, expired and destroyed ones and those of another role or mount.
 */
int approle_secret_by_text(struct store_tx *tx,
	const struct approle_secrets *secrets, struct secret_view text,
	struct approle_secret_id *ret_secret, struct err *err);
int approle_secret_by_accessor(struct store_tx *tx,
	const struct approle_secrets *secrets, struct span accessor,
	struct approle_secret_id *ret_secret, struct err *err);

/* Whether a text is one that we gave out for this role, at whatever time. */
bool approle_secret_was_ours(
	const struct approle_secrets *secrets, struct secret_view text);

/*
 * In the writer: take a use of one that was found before, the last of which
 * deletes it. ERR_ABSENT where it is gone.
 */
int approle_secret_use(struct store_tx *tx,
	const struct approle_secrets *secrets,
	const struct approle_secret_id *found, struct err *err);

/* The accessor of a row. */
int approle_secret_accessor(struct store_tx *tx,
	const struct approle_secrets *secrets, const struct lease *lease,
	char out[ROWID_TEXT_MAX], struct err *err);

#endif
