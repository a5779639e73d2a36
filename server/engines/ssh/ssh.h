/* The ssh secrets engine (spec/ssh-engine.md): its mount type. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_SSH_H
#define SALLYPORT_SERVER_ENGINES_SSH_SSH_H

#include "server/core/mount.h"

extern const struct mount_type ssh_mount_type;

#endif
