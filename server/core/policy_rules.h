/*
 * The compiled form of a policy: made by policy_parse.c, read by acl.c, never
 * changed. Rules with the same pattern stay side by side and are joined when
 * a decision is made, whether they come from one policy or from several.
 */
#ifndef SALLYPORT_SERVER_CORE_POLICY_RULES_H
#define SALLYPORT_SERVER_CORE_POLICY_RULES_H

#include "lib/value.h"
#include "server/core/policy.h"

/* One listed value. Numbers are kept, so that a list of them is not empty. */
struct rule_value {
	enum value_type type;
	bool boolean;
	struct span text;
};

struct rule_param {
	struct span name; /* lower case */
	size_t n;         /* 0: any value */
	const struct rule_value *values;
};

struct rule_params {
	size_t n;
	const struct rule_param *items;
};

struct rule {
	struct span pattern; /* without leading '/' and without trailing '*' */
	bool is_prefix;      /* it had the '*' */
	bool is_template;    /* the pattern is still to be rendered */
	size_t n_plus;       /* segments that are "+" */
	size_t first_wild;   /* where the first "+" or the '*' stands */
	unsigned caps;       /* enum capability; CAP_DENY stands alone */
	int64_t min_wrap_s, max_wrap_s; /* 0: none */
	struct rule_params allowed, denied;
	size_t n_required;
	const struct span *required; /* lower case */
};

/*
 * Rules in order of their patterns (bytewise, or ASCII-folded for the tables
 * of denials). shorter is the place of the next shorter pattern that this one
 * begins with (prefix tables), or NO_SHORTER.
 */
#define NO_SHORTER SIZE_MAX

struct rule_entry {
	const struct rule *rule;
	size_t shorter;
};

struct rule_table {
	size_t n;
	struct rule_entry *entries;
};

/* Which table a rule stands in. */
enum rule_kind { RULE_EXACT, RULE_PREFIX, RULE_PLUS, RULE_KINDS };

struct policy {
	struct policy_block *blocks; /* all memory of the policy */
	size_t size;
	struct rule_table rules[RULE_KINDS];
	struct rule_table denials[RULE_KINDS]; /* also in rules; folded order */
	/* Rules that no table has: policy_render gives them patterns. */
	size_t n_templates;
	const struct rule *const *templates;
};

enum rule_kind rule_kind(const struct rule *rule);

/* Set n_plus and first_wild by the pattern. */
void rule_find_wildcards(struct rule *rule);

/* Room that the tables over n rules need. */
#define POLICY_ENTRIES(n) (2 * RULE_KINDS * (n))

/* Make the tables of policy over n rules; entries is their memory. */
void policy_fill_tables(struct policy *policy, const struct rule *const *rules,
	size_t n, struct rule_entry *entries);

struct identity;

/*
 * The templates of n policies as rules for identity (NULL: nobody), in a
 * policy that lies in arena as a whole. Those without a value are left out.
 * *ret_policy is NULL where none is left. ERR_DENIED: see template.h.
 */
int policy_render(const struct policy *const *policies, size_t n,
	const struct identity *identity, struct arena *arena,
	const struct policy **ret_policy, struct err *err);

/* ASCII lower case of a byte. */
static inline uint8_t
ascii_fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* span_compare over ASCII-folded bytes. */
int span_compare_folded(struct span a, struct span b);

#endif
