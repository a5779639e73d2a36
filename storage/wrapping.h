/*
 * Wrapping tokens: rows of tokens that are good for one thing, to be handed in
 * for the answer that they stand for (spec/core-api.md 5.1). The answer lies
 * sealed beside the row (storage/cubbyhole.h) and goes with it.
 *
 * Taking is one step in the writer, live to used, as with a one-time password:
 * of any number of takers one wins. Who won and could not tell anybody, since
 * no audit device took the line of its answer, gives it back; a crash in
 * between leaves it used.
 */
#ifndef SALLYPORT_STORAGE_WRAPPING_H
#define SALLYPORT_STORAGE_WRAPPING_H

#include "storage/token.h"

#define WRAPPING_POLICY "response-wrapping"

/* An answer as it would have left. */
struct wrapped_answer {
	int status;
	const char *content_type;
	struct span body;
};

bool token_is_wrapping(const struct token *token);

/*
 * Insert a wrapping token: its lease times, creation_ttl_s and path (that of
 * the request) are filled by the caller, the rest is done here. ERR_LIMIT
 * (400): the answer is too large.
 */
int wrapping_insert(struct store_tx *tx, const struct token_draft *draft,
	struct token *token, const struct wrapped_answer *answer,
	struct err *err);

/* Which row a text names, and its HMAC. ERR_ABSENT: none, err is not set. */
struct wrapping_name {
	struct rowref ref;
	uint8_t mac[ROWID_MAC];
};

int wrapping_parse(const struct barrier *barrier, const char *tokens,
	struct secret_view text, struct wrapping_name *ret_name);

/*
 * The wrapping token of this name, live. ERR_ABSENT: there is none, or it is
 * no wrapping token; *ret_used: it was taken before. Into arena.
 */
int wrapping_get(struct store_tx *tx, const struct wrapping_name *name,
	struct arena *arena, struct token *ret_token, bool *ret_used,
	struct err *err);

/* The same, and it is taken: used from now on. */
int wrapping_take(struct store_tx *tx, const struct wrapping_name *name,
	struct arena *arena, struct token *ret_token,
	struct wrapped_answer *ret_answer, bool *ret_used, struct err *err);

/* Make a taken one live again; its answer must still be there. */
int wrapping_give_back(struct store_tx *tx, struct rowref ref,
	struct arena *arena, struct err *err);

/* The answer was told: its bytes go, soon. The row stays used until its end. */
void wrapping_forget(struct store *store, struct rowref ref);

#endif
