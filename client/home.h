/* Paths below the home directory of whoever runs us, $HOME. */
#ifndef SALLYPORT_CLIENT_HOME_H
#define SALLYPORT_CLIENT_HOME_H

#include "lib/arena.h"

/* "<home>/name", in the arena; NULL: there is no home, or no memory. */
char *home_path(struct arena *arena, const char *name);

/*
 * "~" and "~/x" as a shell has them, which leaves them alone behind the "=" of
 * a flag. Any other path as it is, and all where there is no home or memory.
 */
const char *home_expand(struct arena *arena, const char *path);

#endif
