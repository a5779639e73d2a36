/* The operations of keys/, for the mount. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_TABLES_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_TABLES_H

#include "server/api/op.h"
#include "server/api/record_ops.h"

extern const struct op ssh_keys_ops[];

#endif
