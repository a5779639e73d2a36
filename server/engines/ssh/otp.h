/*
 * The life of a one-time password: issue, look at, take. It is a row of kind
 * LEASE_OTP that keeps the password's HMAC and what it opens; of any number of
 * takers one finds it live (spec/ssh-engine.md 5.2, 7; gaps.md G-1, G-2, G-5).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_OTP_H
#define SALLYPORT_SERVER_ENGINES_SSH_OTP_H

#include "server/api/req.h"

/* What an OTP opens: this user, on this address, by this role. */
struct otp_grant {
	const char *username, *ip, *role;
};

struct otp_issued {
	char text[ROWID_TEXT_MAX]; /* the secret; its owner wipes it */
	char lease_id[LEASE_ID_MAX];
};

/*
 * Make an OTP that lives ttl_s seconds and dies with the caller's token; a
 * handler's last act (req_write_then). `then` gets ctx when it is durable, or
 * ERR_DENIED where that token was revoked meanwhile. otp is in the arena.
 */
int otp_issue(struct req *req, const struct otp_grant *grant, int64_t ttl_s,
	struct otp_issued *otp, req_then_fn *then, void *ctx, struct err *err);

/*
 * Refused attempts with a right OTP and wrong hints, before it is destroyed.
 */
#define OTP_MISSES_MAX 3

/* Says whether a grant fits what the asking host knows of the login. */
typedef bool otp_fits_fn(const void *hints, const struct otp_grant *grant);

struct otp_taken {
	struct otp_grant grant; /* in the request's arena */
	bool known; /* a right OTP, even where it was spent or did not fit */
};

/* What is asked of an OTP, and what it opens; in the request's arena. */
struct otp_question {
	struct secret_view text;
	otp_fits_fn *fits;
	const void *hints;
	struct otp_taken taken; /* the answer */
};

/*
 * Find live and mark used; a handler's last act (req_write_then). `then` gets
 * the question and 0 once that is durable. ERR_ABSENT, there or at once:
 * unknown, spent, expired, revoked, of another mount, or not fitting (which
 * counts; the third time destroys it). taken.known is set either way.
 */
int otp_take(struct req *req, struct otp_question *question, req_then_fn *then,
	struct err *err);

#endif
