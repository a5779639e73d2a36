/* "explain" of sign and issue: what a certificate would have said, and why. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_EXPLAIN_CERT_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_EXPLAIN_CERT_H

#include "server/api/explain.h"
#include "server/engines/ssh/ca/cert_issue.h"

/*
 * Answer a wish that sign or issue decided on, or refused (rc, err). Nothing is
 * signed or stored. 0, or rc where that is no refusal but a failure.
 */
int explain_cert(struct req *req, const struct ssh_role *role,
	const struct cert_decision *decision, int rc, struct reply *reply,
	struct err *err);

/* What the answer holds, for the tables of operations. */
#define EXPLAIN_CERT_OUT                                                       \
	EXPLAIN_OUT, { "cert_type", FIELD_TYPE_STR, "With explain." },         \
		{ "key_id", FIELD_TYPE_STR, "With explain." },                 \
		{ "principals", FIELD_TYPE_LIST, "With explain." },            \
		{ "ttl", FIELD_TYPE_INT, "With explain: s from now on." },     \
		{ "critical_options", FIELD_TYPE_MAP, "With explain." },       \
	{                                                                      \
		"extensions", FIELD_TYPE_MAP, "With explain."                  \
	}

#endif
