/* Lists are short: they are looked through. */
#include "lib/str_list.h"

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
