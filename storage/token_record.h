/*
 * The bytes that a token's row carries as its data. Only token.c and its tests
 * include this.
 */
#ifndef SALLYPORT_STORAGE_TOKEN_RECORD_H
#define SALLYPORT_STORAGE_TOKEN_RECORD_H

#include "lib/buf.h"
#include "storage/token.h"

/* Everything of the token but its lease. */
int token_encode(const struct token *token, struct buf *out, struct err *err);

/* lease.data into the other members, strings in arena. ERR_INTERNAL. */
int token_decode(const struct lease *lease, struct arena *arena,
	struct token *ret_token, struct err *err);

/*
 * A copy of token in one block of memory, for the cache; without lease.data.
 * NULL: no memory.
 */
struct token *token_dup(const struct token *token, size_t *ret_size);

/* Wipe and free a block of token_dup. */
void token_free(void *token);

#endif
