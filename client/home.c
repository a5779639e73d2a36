/* $HOME in front of a name. "~user" is none of ours. */
#include "client/home.h"

#include <stdlib.h>

char *
home_path(struct arena *arena, const char *name)
{
	const char *home = getenv("HOME");

	return home == NULL ? NULL : arena_printf(arena, "%s/%s", home, name);
}

const char *
home_expand(struct arena *arena, const char *path)
{
	const char *whole = NULL;

	if (strcmp(path, "~") == 0)
		whole = getenv("HOME");
	else if (strncmp(path, "~/", 2) == 0)
		whole = home_path(arena, path + 2);
	return whole != NULL ? whole : path;
}
