/* A list of strings owned by somebody else, mostly an arena. */
#ifndef SALLYPORT_LIB_STR_LIST_H
#define SALLYPORT_LIB_STR_LIST_H

#include "lib/arena.h"

struct str_list {
	const char **items;
	size_t n;
};

/* Bytewise, here and below. Not for secrets: see secret_equal. */
bool str_list_has(const struct str_list *list, const char *text);

/*
 * Put text, which is not copied, behind the others where it is not among them;
 * in an array of its own from arena, so that who shares the old one sees no
 * change. False: no memory, and the list is as it was.
 */
bool str_list_add(struct arena *arena, struct str_list *list, const char *text);

/* Take text out, in place. */
void str_list_drop(struct str_list *list, const char *text);

/* Sort, each text once; in place. */
void str_list_sort(struct str_list *list);

/* A copy in arena, texts and all. False: no memory. */
bool str_list_dup(struct arena *arena, const struct str_list *list,
	struct str_list *ret_copy);

#endif
