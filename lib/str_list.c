/* Lists are short: they are looked through. */
#include "lib/str_list.h"

#include <stdlib.h>
#include <string.h>

bool
str_list_has(const struct str_list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->items[i], text) == 0)
			return true;
	}
	return false;
}

bool
str_list_add(struct arena *arena, struct str_list *list, const char *text)
{
	const char **items = NULL;

	if (str_list_has(list, text))
		return true;
	items = ARENA_ARRAY(arena, const char *, list->n + 1);
	if (items == NULL)
		return false;
	if (list->n > 0)
		memcpy(items, list->items, list->n * sizeof(*items));
	items[list->n] = text;
	list->items = items;
	list->n++;
	return true;
}

void
str_list_drop(struct str_list *list, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->items[i], text) != 0)
			list->items[n++] = list->items[i];
	}
	list->n = n;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
str_list_sort(struct str_list *list)
{
	size_t n = 0;

	if (list->n == 0)
		return;
	qsort(list->items, list->n, sizeof(*list->items), compare);
	for (size_t i = 0; i < list->n; i++) {
		if (n == 0 || strcmp(list->items[n - 1], list->items[i]) != 0)
			list->items[n++] = list->items[i];
	}
	list->n = n;
}

bool
str_list_dup(struct arena *arena, const struct str_list *list,
	struct str_list *ret_copy)
{
	struct str_list copy = { .n = list->n };

	copy.items = ARENA_ARRAY(arena, const char *, list->n + 1);
	if (copy.items == NULL)
		return false;
	for (size_t i = 0; i < list->n; i++) {
		copy.items[i] = arena_strdup(arena, list->items[i]);
		if (copy.items[i] == NULL)
			return false;
	}
	*ret_copy = copy;
	return true;
}
