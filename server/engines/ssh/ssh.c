/* The engine's entry: its tables in the order that help shows them. */
#include "server/engines/ssh/ssh.h"

#include "server/engines/ssh/ca/tables.h"
#include "server/engines/ssh/dynamic/dynamic_key.h"
#include "server/engines/ssh/dynamic/tables.h"
#include "server/engines/ssh/hosts/tables.h"
#include "server/engines/ssh/tables.h"
#include "server/engines/ssh/targets/tables.h"

static const struct op *const ssh_tables[] = { ssh_role_ops, ssh_keys_ops,
	ssh_zeroaddress_ops, ssh_options_ops, ssh_creds_ops, ssh_exec_ops,
	ssh_lookup_ops, ssh_verify_ops, ssh_ca_ops, ssh_issuer_ops,
	ssh_public_key_ops, ssh_sign_ops, ssh_issue_ops, ssh_certs_ops,
	ssh_revoke_ops, ssh_krl_ops, ssh_enrol_token_ops, ssh_enrol_ops,
	ssh_renew_ops, ssh_report_ops, ssh_host_ops, ssh_principals_ops,
	ssh_profile_ops, ssh_target_ops, ssh_target_look_ops,
	ssh_target_doctor_ops, ssh_target_keys_ops, ssh_target_export_ops,
	ssh_setup_ops, NULL };

const struct mount_type ssh_mount_type = {
	.name = "ssh",
	.description =
		"The ssh secrets engine gives access to hosts over SSH. A role says which\n"
		"user may log in to which addresses; a one-time password made under a role\n"
		"logs in once, and is checked by the host itself through verify. A role of\n"
		"type ca signs keys instead: certificates that users log in with, or that\n"
		"hosts prove themselves by.",
	.tables = ssh_tables,
	.lease_hooks = &ssh_lease_hooks,
};
