/*
 * The token that a request is about: what its fields name and how it is found.
 */
#ifndef SALLYPORT_SERVER_AUTH_TOKEN_SUBJECT_H
#define SALLYPORT_SERVER_AUTH_TOKEN_SUBJECT_H

#include "server/api/req.h"

#define TOKEN_SENT_MAX 4096 /* bytes of a token in a body, as in a header */

/* What an operation on an existing token takes. */
struct token_in {
	struct secret_view token;
	const char *accessor;
	int64_t increment; /* s */
};

/* A token held by reference, and its text where the caller gave it. */
struct subject {
	struct compiled *ref;
	const struct token *token;
	struct secret_view text;
};

/* ERR_ABSENT where there is no such live token. */
int subject_find(struct req *req, struct secret_view text,
	struct subject *ret_subject, struct err *err);

/* By the accessor that was sent: 400 "missing accessor", "invalid accessor". */
int subject_find_accessor(
	struct req *req, struct subject *ret_subject, struct err *err);

void subject_release(struct subject *subject);

#endif
