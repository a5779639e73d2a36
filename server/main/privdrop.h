/* What the process gives up before it reads its first byte from outside. */
#ifndef SALLYPORT_SERVER_MAIN_PRIVDROP_H
#define SALLYPORT_SERVER_MAIN_PRIVDROP_H

#include "lib/err.h"

/*
 * No core dumps, no ptrace by others, no new privileges, umask 077, an
 * environment without what steers libraries, no inherited descriptors but the
 * first three (reliability.md 5.2). First in main; before threads.
 */
int privdrop_harden(struct err *err);

/*
 * Lock memory: all of it where the process may (MCL_ONFAULT), else the arenas
 * alone. With required, an arena that cannot be locked is not handed out.
 */
void privdrop_lock_memory(bool required);

#endif
