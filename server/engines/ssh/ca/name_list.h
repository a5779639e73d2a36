/*
 * Comma lists of names that may hold templates, as roles have them. Names
 * between commas are trimmed, empty ones dropped.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_NAME_LIST_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_NAME_LIST_H

#include "server/core/template.h"

/* The names of text, in arena. ERR_MEMORY. */
int name_list_split(const char *text, struct arena *arena,
	struct str_list *ret_list, struct err *err);

/*
 * The same where names may be templates: each is filled by itself, and split
 * again where its values may have commas. Those that ask for an identity where
 * there is none are dropped, so that nobody can ask for a template's own text.
 * ERR_INPUT (400) with the text of template_fill.
 */
int name_list_fill(const char *text, const struct template_scope *scope,
	struct arena *arena, struct str_list *ret_list, struct err *err);

/* "[a b]" of a list in its order, in arena, cut to what fits an error. */
const char *name_list_show(const struct str_list *list, struct arena *arena);

#endif
