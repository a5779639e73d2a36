/*
 * What a new token may be: policies, name, lifetime, as its maker and the role
 * that it is made by allow (spec/core-api.md 6.1). Pure but for the arena.
 */
#ifndef SALLYPORT_SERVER_AUTH_TOKEN_WISH_H
#define SALLYPORT_SERVER_AUTH_TOKEN_WISH_H

#include "server/auth/token/role.h"
#include "server/auth/token_rules.h"

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

/* "token", or "token-<name>" with '-' for all but letters, digits, '-'. */
char *token_display_name(struct arena *arena, const char *wanted);

/* The smaller of what was asked for and what the role gives, each of both. */
void token_narrow_ask(const struct token_role *role, struct token_ask *ask);

/*
 * How long it lives, as it wishes and its role narrows that. Refuses a
 * non-expiring root from an expiring one.
 */
int token_choose_lifetime(const struct token_wish *wish,
	const struct token_maker *maker, const struct str_list *policies,
	const struct token_limits *limits, struct token_lifetime *ret_life,
	struct err *err);

#endif
