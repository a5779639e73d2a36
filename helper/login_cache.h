/*
 * Answers of the server to "who may log in as whom", kept for as long as it
 * said that they may be used while it cannot be asked. A fixed number of files
 * in a directory of the helper's own; one answer takes the place of another.
 */
#ifndef SALLYPORT_HELPER_LOGIN_CACHE_H
#define SALLYPORT_HELPER_LOGIN_CACHE_H

#include "lib/str_list.h"

#define LOGIN_CACHE_KEY_MAX 65 /* hex of a SHA-256, and a NUL */

/* Which login an answer is for: the words that were asked with. */
int login_cache_key(const char *const *words, size_t n,
	char out[LOGIN_CACHE_KEY_MAX], struct err *err);

/* Keep an answer that was asked for at asked_s. Failure is no matter. */
void login_cache_put(const char *directory, const char *key,
	const struct str_list *principals, int64_t asked_s,
	int64_t valid_for_s);

/* The last answer was no. */
void login_cache_drop(const char *directory, const char *key);

/*
 * An answer that may still be used at now_s, in arena. ERR_ABSENT: there is
 * none, it is too old or from the future, or not to be trusted.
 */
int login_cache_find(const char *directory, const char *key, int64_t now_s,
	struct arena *arena, struct str_list *ret_principals);

#endif
