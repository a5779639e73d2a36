/* The rows of all commands. */
#ifndef SALLYPORT_CLIENT_COMMANDS_H
#define SALLYPORT_CLIENT_COMMANDS_H

#include "client/command.h"

extern const struct command cmd_audit_disable, cmd_audit_enable, cmd_audit_list,
	cmd_audit_verify;
extern const struct command cmd_auth_disable, cmd_auth_enable, cmd_auth_help,
	cmd_auth_list, cmd_auth_tune;
extern const struct command cmd_lease_lookup, cmd_lease_queue, cmd_lease_renew,
	cmd_lease_revoke;
extern const struct command cmd_keypair_delete, cmd_keypair_export,
	cmd_keypair_generate, cmd_keypair_import, cmd_keypair_list,
	cmd_keypair_read;
extern const struct command cmd_login, cmd_print_token;
extern const struct command cmd_operator_backup, cmd_operator_check,
	cmd_operator_clock_reset, cmd_operator_init, cmd_operator_seal,
	cmd_operator_tls_init, cmd_operator_unseal;
extern const struct command cmd_policy_delete, cmd_policy_list, cmd_policy_read,
	cmd_policy_write;
extern const struct command cmd_read, cmd_write, cmd_delete, cmd_list,
	cmd_unwrap;
extern const struct command cmd_secrets_disable, cmd_secrets_enable,
	cmd_secrets_list, cmd_secrets_move, cmd_secrets_tune, cmd_mount;
extern const struct command cmd_server, cmd_status, cmd_version, cmd_path_help;
extern const struct command cmd_exec, cmd_ssh, cmd_ssh_agent, cmd_ssh_config;
extern const struct command cmd_target_add, cmd_target_delete,
	cmd_target_doctor, cmd_target_export, cmd_target_list, cmd_target_read,
	cmd_target_reconcile, cmd_target_repin, cmd_target_scan,
	cmd_target_sweep, cmd_target_test;
extern const struct command cmd_token_capabilities, cmd_token_create,
	cmd_token_lookup, cmd_token_renew, cmd_token_revoke;

#endif
