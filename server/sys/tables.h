/* The tables of sys/, each in the file that it is named after. */
#ifndef SALLYPORT_SERVER_SYS_TABLES_H
#define SALLYPORT_SERVER_SYS_TABLES_H

#include "server/api/op.h"

extern const struct op sys_audit_ops[];
extern const struct op sys_capabilities_ops[];
extern const struct op sys_health_ops[];
extern const struct op sys_internal_ops[];
extern const struct op sys_lease_queue_ops[];
extern const struct op sys_leases_ops[];
extern const struct op sys_locked_users_ops[];
extern const struct op sys_metrics_ops[];
extern const struct op sys_mounts_ops[];
extern const struct op sys_policies_ops[];
extern const struct op sys_seal_ops[];
extern const struct op sys_storage_ops[];
extern const struct op sys_wrapping_ops[];

#endif
