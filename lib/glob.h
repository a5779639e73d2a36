/* Patterns in which '*' stands for any text, as roles of auth methods have. */
#ifndef SALLYPORT_LIB_GLOB_H
#define SALLYPORT_LIB_GLOB_H

#include <stdbool.h>

#include "lib/span.h"

/* Bytewise; every other byte stands for itself. Time: at most their product. */
bool glob_matches(struct span glob, struct span text);

/* The same where ASCII letters match in either case. */
bool glob_matches_folded(struct span glob, struct span text);

#endif
