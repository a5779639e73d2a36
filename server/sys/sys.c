/* The entry of sys/: its tables in the order that help shows them. */
#include "server/sys/sys.h"

#include "server/sys/tables.h"

static const struct op *const sys_tables[] = { sys_health_ops, sys_seal_ops,
	sys_mounts_ops, sys_policies_ops, sys_capabilities_ops, sys_leases_ops,
	sys_lease_queue_ops, sys_locked_users_ops, sys_audit_ops,
	sys_storage_ops, sys_internal_ops, sys_wrapping_ops, sys_metrics_ops,
	NULL };

const struct mount_type sys_mount_type = {
	.name = "system",
	.description =
		"The system itself: sealing, mounts, policies, leases, audit devices.",
	.builtin = true,
	.tables = sys_tables,
};
