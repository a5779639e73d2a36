/*
 * What holds for a new token whoever makes it: its type, its policies' names,
 * its lifetime (spec/core-api.md 6.1, 6.2). Pure but for the arena.
 */
#ifndef SALLYPORT_SERVER_AUTH_TOKEN_RULES_H
#define SALLYPORT_SERVER_AUTH_TOKEN_RULES_H

#include "lib/str_list.h"

/*
 * Whether a token is to be a batch token: as `by` says ("service", "batch"),
 * else as asked for ("service", "batch"; "" or "default": not), else by's
 * default ("default-batch"; any other is service).
 */
bool token_is_batch_by(const char *asked, const char *by);

/* What a batch token cannot have: 400. */
int token_check_batch(int64_t explicit_max_s, int64_t num_uses,
	int64_t period_s, struct err *err);

/*
 * Names cleaned: trimmed, lower case, no empties or repeats, extra (or NULL)
 * added, sorted; "root" swallows the rest.
 */
int token_clean_policies(const struct str_list *given, const char *extra,
	struct arena *arena, struct str_list *ret_policies, struct err *err);

struct token_limits {
	int64_t default_s, max_s; /* of the mount */
};

struct token_ask {
	int64_t ttl_s, explicit_max_s, period_s; /* 0: not asked for */
};

struct token_lifetime {
	int64_t ttl_s; /* 0: never ends (root) */
	int64_t max_s; /* longest life from issue; 0: none */
	bool capped;   /* ttl_s was cut */
	int64_t asked_s;
};

/* The smaller one; 0 is no limit. */
int64_t token_smaller_limit(int64_t a_s, int64_t b_s);

/* How long what has an end lives. */
void token_cut_lifetime(const struct token_ask *ask,
	const struct token_limits *limits, struct token_lifetime *ret_life);

#endif
