/* What the files of the engine share: their tables and record types. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_TABLES_H
#define SALLYPORT_SERVER_ENGINES_SSH_TABLES_H

#include "server/api/op.h"
#include "server/api/record_ops.h"

extern const struct op ssh_role_ops[];
extern const struct op ssh_keys_ops[];
extern const struct op ssh_zeroaddress_ops[];
extern const struct op ssh_options_ops[];
extern const struct op ssh_creds_ops[];
extern const struct op ssh_exec_ops[];
extern const struct op ssh_lookup_ops[];
extern const struct op ssh_verify_ops[];
extern const struct op ssh_sign_ops[];
extern const struct op ssh_issue_ops[];

extern const struct op ssh_ca_ops[];
extern const struct op ssh_issuer_ops[];
extern const struct op ssh_public_key_ops[];

extern const struct op ssh_certs_ops[];
extern const struct op ssh_revoke_ops[];
extern const struct op ssh_krl_ops[];

extern const struct op ssh_host_ops[];
extern const struct op ssh_enrol_token_ops[];
extern const struct op ssh_enrol_ops[];
extern const struct op ssh_renew_ops[];
extern const struct op ssh_report_ops[];
extern const struct op ssh_principals_ops[];

extern const struct op ssh_profile_ops[];
extern const struct op ssh_setup_ops[];
extern const struct op ssh_target_ops[];
extern const struct op ssh_target_look_ops[];
extern const struct op ssh_target_doctor_ops[];
extern const struct op ssh_target_export_ops[];
extern const struct op ssh_target_keys_ops[];

extern const struct record_type ssh_role_record; /* struct ssh_role */
extern const struct record_type ssh_issuer_record;
extern const struct record_type ssh_issuer_deleted_record;

#endif
