/* A mount as sys/mounts and sys/internal/ui/mounts show it. */
#ifndef SALLYPORT_SERVER_SYS_MOUNT_VALUE_H
#define SALLYPORT_SERVER_SYS_MOUNT_VALUE_H

#include "server/core/mount.h"

/* What strangers may see: type, description, options. NULL: no memory. */
struct value *mount_value_public(
	struct arena *arena, const struct mount *mount);

/* The whole entry (spec/core-api.md 3.1); NULL: no memory. */
struct value *mount_value(struct arena *arena, const struct mount *mount);

/* Add the settings that show only when they are set. */
void mount_value_extras(
	struct arena *arena, struct value *object, const struct mount *mount);

/* The kind of tokens that an auth mount's logins give, "default-service" where
 * nobody chose one. */
const char *mount_value_token_type(const struct mount *mount);

#endif
