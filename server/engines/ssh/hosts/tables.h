/* The operations of hosts, for the mount. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_HOSTS_TABLES_H
#define SALLYPORT_SERVER_ENGINES_SSH_HOSTS_TABLES_H

#include "server/api/op.h"
#include "server/api/record_ops.h"

extern const struct op ssh_host_ops[];
extern const struct op ssh_enrol_token_ops[];
extern const struct op ssh_enrol_ops[];
extern const struct op ssh_renew_ops[];
extern const struct op ssh_report_ops[];
extern const struct op ssh_principals_ops[];

#endif
