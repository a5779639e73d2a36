/* From an answer or a refusal to status and bytes (spec/core-api.md 1.7-1.9).
 */
#ifndef SALLYPORT_SERVER_API_ENVELOPE_H
#define SALLYPORT_SERVER_API_ENVELOPE_H

#include "server/api/reply.h"

/*
 * Write what a handler gave, when it did not fail, into req->out. The status
 * is derived where the handler named none. ERR_MEMORY, ERR_LIMIT (500).
 */
int envelope_write(struct req *req, const struct reply *reply, struct err *err);

/* {"errors":["text"]}, or an empty list for "". What was written is wiped. */
void envelope_error(struct req *req, int status, const char *text);

#endif
