/* The operations of certificates, for the mount. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_TABLES_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_TABLES_H

#include "server/api/op.h"
#include "server/api/record_ops.h"

extern const struct op ssh_sign_ops[];
extern const struct op ssh_issue_ops[];

extern const struct op ssh_ca_ops[];
extern const struct op ssh_issuer_ops[];
extern const struct op ssh_public_key_ops[];

extern const struct op ssh_certs_ops[];
extern const struct op ssh_revoke_ops[];
extern const struct op ssh_krl_ops[];

extern const struct record_type ssh_issuer_record;
extern const struct record_type ssh_issuer_deleted_record;

#endif
