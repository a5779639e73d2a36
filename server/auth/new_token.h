/*
 * The last steps of every new token, whoever makes it: its draft, its row, its
 * answer.
 */
#ifndef SALLYPORT_SERVER_AUTH_NEW_TOKEN_H
#define SALLYPORT_SERVER_AUTH_NEW_TOKEN_H

#include "server/api/req.h"
#include "server/auth/token_rules.h"

struct new_token {
	struct req *req;
	const char *path;   /* of its lease, below the request's mount */
	struct token token; /* filled by the maker but for times and names */
	struct token_draft draft;
	const char *text; /* the secret, once it is drawn */
	struct token_lifetime life;
};

/*
 * A token for req in the request's arena, with what all have in common filled
 * in; its lease is listed under the request's mount, and path below it: NULL is
 * the request's. NULL: no memory.
 */
struct new_token *new_token_start(struct req *req, const char *path);

/*
 * Draw row, names and text; custom_id empty: a text of our own. A batch token
 * gets its times, and is refused here (400) where it would be too large.
 */
int new_token_draft(
	struct new_token *made, struct secret_view custom_id, struct err *err);

/* In the writer: set the times by made->life and insert the row. */
int new_token_insert(
	struct store_tx *tx, struct new_token *made, struct err *err);

/*
 * It is durable: expiry hears of it, and the answer shows it. The text of a
 * batch token is made here, since its entity was found in the write.
 */
int new_token_reply(
	struct new_token *made, struct reply *reply, struct err *err);

#endif
