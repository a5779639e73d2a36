/*
 * Two kinds of secret. A struct secret_view points into memory that is wiped
 * by its owner (a request's arena). A struct secret is a long-lived key on
 * guarded pages (sodium_malloc) that wipes itself when freed. Neither has a
 * string form or a format.
 */
#ifndef SALLYPORT_LIB_SECRET_H
#define SALLYPORT_LIB_SECRET_H

#include "lib/err.h"

struct secret_view {
	const uint8_t *data;
	size_t len;
};

struct secret;

struct secret_view secret_view_of(const void *data, size_t len);

/* Equal length and bytes, in time that depends on the length alone. */
bool secret_equal(struct secret_view a, struct secret_view b);

/* Overwrite memory in a way that the compiler may not leave out. */
void secret_wipe(void *data, size_t len);

/* A zeroed key of len bytes on guarded pages; NULL: no memory. */
struct secret *secret_new(size_t len);

/* A copy of bytes on guarded pages; NULL: no memory. */
struct secret *secret_dup(struct secret_view bytes);

/* Wipe, free, clear the caller's pointer. NULL is fine. */
void secret_free(struct secret **secret);

/* Read access, valid as long as the secret lives. */
struct secret_view secret_open(const struct secret *secret);

/* Write access for whoever fills it just after secret_new. */
uint8_t *secret_bytes(struct secret *secret);

#endif
