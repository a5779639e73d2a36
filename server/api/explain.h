/*
 * "explain": the rules of an operation in their order, which of them held and
 * which was the first that did not, in the place of what they would allow.
 */
#ifndef SALLYPORT_SERVER_API_EXPLAIN_H
#define SALLYPORT_SERVER_API_EXPLAIN_H

#include "server/api/reply.h"

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

#endif
