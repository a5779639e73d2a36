/*
 * Which principals may log in to which accounts of a host: an object of lists,
 * by account; "*" is every account that is not named. Pure.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_HOSTS_ACCOUNTS_H
#define SALLYPORT_SERVER_ENGINES_SSH_HOSTS_ACCOUNTS_H

#include "lib/value.h"

#define ACCOUNTS_MAX 256
#define ACCOUNTS_PRINCIPALS_MAX 64    /* of one account */
#define ACCOUNTS_TEXT_MAX (64 * 1024) /* as JSON */

/*
 * Accounts from a caller's JSON text, in arena. {{username}} and {{host}} stand
 * for account and host; nothing else in a principal is more than its text.
 * ERR_INPUT (400).
 */
int accounts_parse(const char *text, struct arena *arena,
	const struct value **ret_accounts, struct err *err);

/* No account is named, not even "*". */
bool accounts_are_none(const struct value *accounts);

/*
 * The principals that may log in as username on host, in arena; none where
 * neither it nor "*" is named. ERR_MEMORY.
 */
int accounts_principals(const struct value *accounts, const char *username,
	const char *host, struct arena *arena, struct str_list *ret_principals,
	struct err *err);

#endif
