/* A list of strings owned by somebody else, mostly an arena. */
#ifndef SALLYPORT_LIB_STR_LIST_H
#define SALLYPORT_LIB_STR_LIST_H

#include "lib/base.h"

struct str_list {
	const char **items;
	size_t n;
};

/* Bytewise. Not for secrets: see secret_equal. */
bool str_list_has(const struct str_list *list, const char *text);

#endif
