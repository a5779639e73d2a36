/*
 * "explain": the rules of an operation in their order, which of them held and
 * which was the first that did not, in the place of what they would allow.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_EXPLAIN_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_EXPLAIN_H

#include "server/engines/ssh/ca/cert_issue.h"

/* What came of asking some rules: begin with n_true, rc and err alone. */
struct explanation {
	size_t n_true;         /* rules that held, from the first on */
	int rc;                /* 0, or ERR_INPUT: the next one did not hold */
	const struct err *err; /* of rc */
	struct value *rules;
	const char *first_false;
};

/* The next rule; text: what holds where it is true. */
void explain_add(struct reply *reply, struct explanation *explanation,
	const char *name, const char *text);

/* role, allowed, first_false and rules. */
void explain_end(struct reply *reply, const struct explanation *explanation);

/*
 * Answer a wish that sign or issue decided on, or refused (rc, err). Nothing is
 * signed or stored. 0, or rc where that is no refusal but a failure.
 */
int explain_cert(struct req *req, const struct ssh_role *role,
	const struct cert_decision *decision, int rc, struct reply *reply,
	struct err *err);

/* What the answer holds, for the tables of operations. */
#define EXPLAIN_OUT                                                                                  \
	{ "role", FIELD_TYPE_STR, "With explain: the role." },                                       \
		{ "allowed", FIELD_TYPE_BOOL,                                                        \
			"With explain: whether every rule holds." },                                 \
		{ "first_false", FIELD_TYPE_STR,                                                     \
			"With explain: the first rule that does not, or \"\"." },                    \
	{                                                                                            \
		"rules", FIELD_TYPE_LIST,                                                            \
			"With explain: each rule, its result (true, false, not reached) and a text." \
	}

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
