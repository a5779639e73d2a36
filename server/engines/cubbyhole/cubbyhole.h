/* The mount type of cubbyhole/: what a token keeps for itself alone. */
#ifndef SALLYPORT_SERVER_ENGINES_CUBBYHOLE_CUBBYHOLE_H
#define SALLYPORT_SERVER_ENGINES_CUBBYHOLE_CUBBYHOLE_H

#include "server/core/mount.h"

extern const struct mount_type cubbyhole_mount_type;

#endif
