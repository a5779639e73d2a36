/*
 * What the audit log gets to see of a request and its answer. The devices hash
 * every string in data themselves (reliability.md L28); here it is only said
 * what is data, what is a token and what stays clear (spec/core-api.md 7.2).
 */
#ifndef SALLYPORT_SERVER_API_REDACT_H
#define SALLYPORT_SERVER_API_REDACT_H

#include "audit/audit.h"
#include "server/api/reply.h"

/* How an answer looks in its line. */
struct redact_answer {
	const struct reply *reply; /* NULL: an error */
	const char *error;         /* "" or clear text of the line */
	const char *text;          /* "" or an error answer's, hashed */
};

/* The entry of the request line; borrows from req, memory from its arena. */
int redact_request(struct req *req, const char *error,
	struct audit_entry *ret_entry, struct err *err);
int redact_response(struct req *req, const struct redact_answer *answer,
	struct audit_entry *ret_entry, struct err *err);

#endif
