/* The operations of the mount itself: what spans the ways of granting. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_TABLES_H
#define SALLYPORT_SERVER_ENGINES_SSH_TABLES_H

#include "server/api/op.h"
#include "server/api/record_ops.h"

extern const struct op ssh_role_ops[];
extern const struct op ssh_zeroaddress_ops[];
extern const struct op ssh_options_ops[];
extern const struct op ssh_creds_ops[];
extern const struct op ssh_exec_ops[];
extern const struct op ssh_lookup_ops[];
extern const struct op ssh_verify_ops[];

#endif
