/* The mount types of the auth methods. */
#ifndef SALLYPORT_SERVER_AUTH_AUTH_H
#define SALLYPORT_SERVER_AUTH_AUTH_H

#include "server/core/mount.h"

extern const struct mount_type approle_mount_type;
extern const struct mount_type sshkey_mount_type;
extern const struct mount_type token_mount_type;
extern const struct mount_type userpass_mount_type;
extern const struct mount_type cert_mount_type;
extern const struct mount_type jwt_mount_type;
extern const struct mount_type kubernetes_mount_type;

#endif
