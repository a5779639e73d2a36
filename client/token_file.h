/* The token at rest: ~/.vault-token, or an external token helper. */
#ifndef SALLYPORT_CLIENT_TOKEN_FILE_H
#define SALLYPORT_CLIENT_TOKEN_FILE_H

#include "lib/arena.h"
#include "lib/secret.h"

/* The stored token, white space trimmed, in the arena; len 0: none. */
int token_file_read(
	struct arena *arena, struct secret_view *ret_token, struct err *err);

/* Store it, mode 0600, written beside and renamed. */
int token_file_write(
	struct arena *arena, struct secret_view token, struct err *err);

#endif
