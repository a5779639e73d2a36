/* The identity store (spec/core-api.md 6.7): its mount type. */
#ifndef SALLYPORT_SERVER_ENGINES_IDENTITY_IDENTITY_H
#define SALLYPORT_SERVER_ENGINES_IDENTITY_IDENTITY_H

#include "server/core/mount.h"

extern const struct mount_type identity_mount_type;

#endif
