/* Lists of blocks of addresses, as records have them: what lies in what. */
#ifndef SALLYPORT_LIB_CIDR_LIST_H
#define SALLYPORT_LIB_CIDR_LIST_H

#include "lib/netaddr.h"
#include "lib/str_list.h"

#define CIDR_LIST_MAX 1024 /* blocks of one record */

/*
 * Each block of a caller's list in canonical text, in arena. ERR_INPUT (400)
 * names the field and the block that is none.
 */
int cidr_list_check(struct arena *arena, const char *field,
	struct str_list *blocks, struct err *err);

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
