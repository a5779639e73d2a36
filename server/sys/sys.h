/* The mount type of sys/: its tables stand in the files of this folder. */
#ifndef SALLYPORT_SERVER_SYS_SYS_H
#define SALLYPORT_SERVER_SYS_SYS_H

#include "server/core/mount.h"

extern const struct mount_type sys_mount_type;

#endif
