/*
 * Enrolment tokens: rows of kind LEASE_ENROLMENT below "/enrolment", each good
 * for one certificate of one host. A keyed hash of the token is kept; its use
 * takes the row away in the transaction that stores what it was used for.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_HOSTS_ENROLMENT_H
#define SALLYPORT_SERVER_ENGINES_SSH_HOSTS_ENROLMENT_H

#include "server/api/req.h"

struct enrolment {
	struct lease lease;
	const char *host, *role;
	struct str_list principals;
	struct str_list cidr_list; /* from where; none: anywhere */
};

/* A new one: everything that is drawn before its closure. */
struct enrolment_draft {
	struct enrolment enrolment;
	char text[ROWID_TEXT_MAX]; /* the token */
	char accessor[ROWID_TEXT_MAX];
};

/* The number of the rows' path. Not inside a transaction. */
int enrolment_path(struct req *req, uint32_t *ret_path, struct err *err);

/* Draw number and names; the rest of draft->enrolment is the caller's. */
int enrolment_draw(
	struct req *req, struct enrolment_draft *draft, struct err *err);

/* In the writer: it waits ttl_s from now to be used. */
int enrolment_insert(struct store_tx *tx, struct req *req,
	struct enrolment_draft *draft, int64_t ttl_s, struct err *err);

/*
 * A live one by token or accessor, into req's arena. ERR_ABSENT, err untouched
 * or without a text for callers, where there is none.
 */
int enrolment_by_text(struct store_tx *tx, struct req *req, uint32_t path,
	struct secret_view text, struct enrolment *ret_enrolment,
	struct err *err);
int enrolment_by_accessor(struct store_tx *tx, struct req *req, uint32_t path,
	const char *accessor, struct enrolment *ret_enrolment, struct err *err);

/* Whether a text is one that we gave out here, at whatever time. */
bool enrolment_was_ours(
	struct req *req, uint32_t path, struct secret_view text);

/* What a row says. */
int enrolment_decode(const struct lease *lease, struct arena *arena,
	struct enrolment *ret_enrolment, struct err *err);

#endif
