/* The object that seal-status and unseal answer with. */
#ifndef SALLYPORT_SERVER_SYS_SEAL_REPLY_H
#define SALLYPORT_SERVER_SYS_SEAL_REPLY_H

#include "server/api/reply.h"

/* Fill data with the seal's status (spec/core-api.md 2.2). */
void reply_seal_status(struct req *req, struct reply *reply);

#endif
