/*
 * The settings of tokens that every auth method's users and roles share
 * (spec/core-api.md 6.2): a member of their record, rows of its fields, one
 * check, one way to show them.
 */
#ifndef SALLYPORT_SERVER_AUTH_TOKEN_PARAMS_H
#define SALLYPORT_SERVER_AUTH_TOKEN_PARAMS_H

#include "server/api/reply.h"
#include "server/api/req.h"

struct token_params {
	int64_t ttl, max_ttl, explicit_max_ttl, period; /* s; 0: the mount's */
	int64_t num_uses;                               /* 0: no limit */
	struct str_list policies, bound_cidrs;
	const char *type; /* "default", "service", "batch" */
	bool no_default_policy;
	/* Which settings were last given by their old name: bits of ours. */
	int64_t old_names;
};

/*
 * Rows of fields of member, which is a struct token_params: one by one, for
 * paths of their own, and all.
 */
#define TOKEN_PARAMS_TTL(record, member)                                       \
	FIELD_AS(DURATION, record, member.ttl, "token_ttl", .alias = "ttl",    \
		.doc = "Lifetime of a new token; 0 is the mount's.")
#define TOKEN_PARAMS_MAX_TTL(record, member)                                   \
	FIELD_AS(DURATION, record, member.max_ttl, "token_max_ttl",            \
		.alias = "max_ttl",                                            \
		.doc = "Longest life by renewals; 0 is the mount's.")
#define TOKEN_PARAMS_POLICIES(record, member)                                  \
	FIELD_AS(LIST, record, member.policies, "token_policies",              \
		.alias = "policies", .len_max = 16384,                         \
		.doc = "Policies of a new token.")
#define TOKEN_PARAMS_BOUND_CIDRS(record, member)                               \
	FIELD_AS(LIST, record, member.bound_cidrs, "token_bound_cidrs",        \
		.alias = "bound_cidrs", .len_max = 16384,                      \
		.doc = "Blocks of addresses that may log in and use the token; none is any.")
#define TOKEN_PARAMS_NUM_USES(record, member)                                  \
	FIELD_AS(INT, record, member.num_uses, "token_num_uses",               \
		.doc = "How many requests a token is good for; 0 is any number.")
#define TOKEN_PARAMS_PERIOD(record, member)                                    \
	FIELD_AS(DURATION, record, member.period, "token_period",              \
		.alias = "period",                                             \
		.doc = "Makes tokens periodic: each renewal gives this long.")

#define TOKEN_PARAMS_FIELDS(record, member)                                     \
	TOKEN_PARAMS_TTL(record, member),                                       \
		TOKEN_PARAMS_MAX_TTL(record, member),                           \
		TOKEN_PARAMS_POLICIES(record, member),                          \
		TOKEN_PARAMS_BOUND_CIDRS(record, member),                       \
		FIELD_AS(DURATION, record, member.explicit_max_ttl,             \
			"token_explicit_max_ttl",                               \
			.doc = "Longest life that no later change lengthens."), \
		FIELD_AS(BOOL, record, member.no_default_policy,                \
			"token_no_default_policy",                              \
			.doc = "Leaves out the default policy."),               \
		TOKEN_PARAMS_NUM_USES(record, member),                          \
		TOKEN_PARAMS_PERIOD(record, member),                            \
		FIELD_AS(STR, record, member.type, "token_type",                \
			.len_max = 32, .initial = "default",                    \
			.doc = "\"default\", \"service\" or \"batch\"."),       \
		FIELD_AS(INT, record, member.old_names, "token_old_names",      \
			.flags = FIELD_STORED, .doc = "Kept for reads.")

/*
 * Check and normalise what a write of req leaves: 400 with the texts of
 * spec/core-api.md 6.2. Memory is of the request's arena.
 */
int token_params_check(
	struct req *req, struct token_params *params, struct err *err);

/* A setting with an old name. */
struct token_twin {
	const char *name, *old;
};

/* Bit i of *bits: pairs[i] was last given by its old name. */
void token_note_old_names(const struct req *req, const struct token_twin *pairs,
	size_t n, int64_t *bits);

/* Members of data, old names where those were given last. */
void token_params_show(const struct token_params *params, struct reply *reply);

/* The old names alone, for who shows all fields by record_show. */
void token_params_show_old_names(
	const struct token_params *params, struct reply *reply);

/* A copy in arena, for who lets go of the record. NULL: no memory. */
const struct token_params *token_params_dup(
	const struct token_params *params, struct arena *arena);

#endif
