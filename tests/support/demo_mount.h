/* A mount type whose rows do one thing each, for tests of the pipeline. */
#ifndef SALLYPORT_TESTS_SUPPORT_DEMO_MOUNT_H
#define SALLYPORT_TESTS_SUPPORT_DEMO_MOUNT_H

#include "server/core/mount.h"

struct req;

extern const struct mount_type demo_mount_type;

/* How often any handler of it ran. */
extern _Atomic int demo_runs;

/* What the handler of "peek" saw of the caller's token header. */
extern _Atomic int demo_header_len;

/* Called on the writer's thread where a note is written; NULL: nothing. */
extern void (*demo_in_write)(const struct req *req);

#endif
