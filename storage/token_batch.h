/*
 * Batch tokens: the whole token is its text, sealed by the barrier. No row
 * stands for it, so that it costs the store nothing, and nothing can be changed
 * about it: it cannot be renewed, revoked or used a number of times. It ends
 * with its time, and with the token that it is a child of.
 */
#ifndef SALLYPORT_STORAGE_TOKEN_BATCH_H
#define SALLYPORT_STORAGE_TOKEN_BATCH_H

#include "storage/token.h"

#define TOKEN_BATCH_PREFIX "hvb."
#define TOKEN_BATCH_TEXT_MAX 4000 /* a header's value holds 4,096 bytes */

bool token_is_batch_text(struct secret_view text);

/*
 * The text of a token whose lease times, owner and settings are filled in.
 * tokens is the uuid of the token store's mount. 400: it holds too much.
 */
int token_batch_seal(struct barrier *barrier, const char *tokens,
	const struct token *token, struct arena *arena, const char **ret_text,
	struct err *err);

/*
 * The token of a text, into arena. ERR_ABSENT: forged, past its time, or its
 * parent is gone.
 */
int token_batch_open(struct store *store, struct barrier *barrier,
	const char *tokens, struct secret_view text, struct arena *arena,
	const struct token **ret_token, struct err *err);

#endif
