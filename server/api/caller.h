/* Who asks, and whether the policies of that token allow it. */
#ifndef SALLYPORT_SERVER_API_CALLER_H
#define SALLYPORT_SERVER_API_CALLER_H

#include "server/api/req.h"

/*
 * Look the sent token up: fills token, token_ref, own_token and acl, and wipes
 * token_text. required: 400 "missing client token", 403 "permission denied";
 * else none or a bad one leaves token NULL.
 */
int caller_find(struct req *req, bool required, struct err *err);

/* Is this a live token's text? Changes nothing; the text stays. */
bool caller_is_known(struct server *server, struct secret_view text);

/*
 * The policies' decision about the request's verb, path and data; sets
 * has_sudo and creates. 403, in the peer's list form.
 */
int caller_check(struct req *req, struct err *err);

/* Wipe a sent token that nobody may look at. */
void caller_forget(struct req *req);

/* Release what caller_find took. */
void caller_clear(struct req *req);

#endif
