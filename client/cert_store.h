/*
 * Certificates that are still good, kept for the user's login session below
 * $XDG_RUNTIME_DIR (memory-backed, 0700): ssh -mode=ca uses one again instead
 * of asking for another. Without such a directory nothing is kept.
 */
#ifndef SALLYPORT_CLIENT_CERT_STORE_H
#define SALLYPORT_CLIENT_CERT_STORE_H

#include "lib/arena.h"
#include "lib/err.h"

/* A certificate with less left than this is not good enough for a login. */
#define CERT_LEFT_S 60

/* All that decides which certificate it is. */
struct cert_wanted {
	const char *address, *mount, *role, *principals;
	struct span key; /* blob that was signed */
};

/*
 * Where the certificate of wanted is, or would be; NULL: nothing is kept here.
 * In the arena.
 */
const char *cert_store_path(
	struct arena *arena, const struct cert_wanted *wanted);

/*
 * Whether the file at path holds a certificate of key that will be good for
 * CERT_LEFT_S from now_s (since 1970) on.
 */
bool cert_store_is_good(
	const char *path, struct span key, int64_t now_s, struct arena *arena);

/* Keep the text of a certificate at path; best effort. */
void cert_store_keep(const char *path, const char *text);

#endif
