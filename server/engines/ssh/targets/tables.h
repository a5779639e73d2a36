/* The operations of targets, for the mount. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_TARGETS_TABLES_H
#define SALLYPORT_SERVER_ENGINES_SSH_TARGETS_TABLES_H

#include "server/api/op.h"
#include "server/api/record_ops.h"

extern const struct op ssh_profile_ops[];
extern const struct op ssh_setup_ops[];
extern const struct op ssh_target_ops[];
extern const struct op ssh_target_look_ops[];
extern const struct op ssh_target_doctor_ops[];
extern const struct op ssh_target_export_ops[];
extern const struct op ssh_target_keys_ops[];

#endif
