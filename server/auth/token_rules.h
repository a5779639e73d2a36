/*
 * What a new token may be: policies, name, lifetime, as its maker is allowed
 * (spec/core-api.md 6.1). Pure but for the arena and the warnings.
 */
#ifndef SALLYPORT_SERVER_AUTH_TOKEN_RULES_H
#define SALLYPORT_SERVER_AUTH_TOKEN_RULES_H

#include "server/api/req.h"
#include "server/auth/token/role.h"

struct token_wish {
	struct secret_view id;
	struct str_list policies;
	struct str_map meta;
	const char *display_name, *type, *entity_alias;
	int64_t ttl, lease, explicit_max_ttl, period; /* s */
	int64_t num_uses;
	bool renewable, no_parent, no_default_policy;
};

struct token_maker {
	const struct token *token;
	const struct token_role *role; /* that it makes the token by, or NULL */
	bool sudo;
};

/*
 * Whether a token is to be a batch token: as `by` says ("service", "batch"),
 * else as asked for ("service", "batch"; "" or "default": not), else by's
 * default ("default-batch"; any other is service).
 */
bool token_is_batch_by(const char *asked, const char *by);

/* What a batch token cannot have: 400. */
int token_check_batch(int64_t explicit_max_s, int64_t num_uses,
	int64_t period_s, struct err *err);

/* Everything that can be refused before policies and lifetime are known. */
int token_check_wish(const struct token_wish *wish,
	const struct token_maker *maker, bool *ret_batch, struct err *err);

/*
 * The policies of the new token: lower case, trimmed, sorted, no repeats,
 * `root` alone; a subset of the maker's unless it has sudo, or its role says
 * which ones are allowed or not.
 */
int token_choose_policies(const struct token_wish *wish,
	const struct token_maker *maker, struct arena *arena,
	struct str_list *ret_policies, struct err *err);

/*
 * Names cleaned: trimmed, lower case, no empties or repeats, extra (or NULL)
 * added, sorted; "root" swallows the rest.
 */
int token_clean_policies(const struct str_list *given, const char *extra,
	struct arena *arena, struct str_list *ret_policies, struct err *err);

/* "token", or "token-<name>" with '-' for all but letters, digits, '-'. */
char *token_display_name(struct arena *arena, const char *wanted);

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

/* The smaller of what was asked for and what the role gives, each of both. */
void token_narrow_ask(const struct token_role *role, struct token_ask *ask);

/* The same for a wish. Refuses a non-expiring root from an expiring one. */
int token_choose_lifetime(const struct token_wish *wish,
	const struct token_maker *maker, const struct str_list *policies,
	const struct token_limits *limits, struct token_lifetime *ret_life,
	struct err *err);

#endif
