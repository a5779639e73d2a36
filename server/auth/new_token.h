/*
 * The last steps of every new token, whoever makes it: its draft, its row, its
 * answer.
 */
#ifndef SALLYPORT_SERVER_AUTH_NEW_TOKEN_H
#define SALLYPORT_SERVER_AUTH_NEW_TOKEN_H

#include "server/auth/token_rules.h"

struct new_token {
	struct req *req;
	const char *path;   /* of its lease, below the request's mount */
	struct token token; /* filled by the maker but for times and names */
	struct token_draft draft;
	struct token_lifetime life;
};

/*
 * A token for req in the request's arena, with what all have in common filled
 * in; its lease is listed under the request's mount, and path below it: NULL is
 * the request's. NULL: no memory.
 */
struct new_token *new_token_start(struct req *req, const char *path);

/* Draw row, names and text; custom_id empty: a text of our own. */
int new_token_draft(
	struct new_token *made, struct secret_view custom_id, struct err *err);

/* In the writer: set the times by made->life and insert the row. */
int new_token_insert(
	struct store_tx *tx, struct new_token *made, struct err *err);

/* It is durable: expiry hears of it, and the answer shows it. */
void new_token_reply(struct new_token *made, struct reply *reply);

#endif
