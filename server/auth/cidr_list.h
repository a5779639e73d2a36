/*
 * Lists of blocks of addresses, as token_check_cidrs leaves them: what lies in
 * what.
 */
#ifndef SALLYPORT_SERVER_AUTH_CIDR_LIST_H
#define SALLYPORT_SERVER_AUTH_CIDR_LIST_H

#include "lib/arena.h"
#include "lib/netaddr.h"
#include "server/api/op.h"

/* Whether addr lies in one of them; in none at all is everywhere. */
bool cidr_list_allows(
	const struct str_list *blocks, const struct netaddr *addr);

/* Whether each block of inner lies in one of outer; none in outer: any. */
bool cidr_list_covers(
	const struct str_list *outer, const struct str_list *inner);

/*
 * The addresses that both allow; none in one of them: the other. ERR_DENIED
 * (403 "permission denied") where there is no such address.
 */
int cidr_list_narrow(const struct str_list *a, const struct str_list *b,
	struct arena *arena, struct str_list *ret_blocks, struct err *err);

#endif
