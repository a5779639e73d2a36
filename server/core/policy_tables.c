/*
 * The tables of a policy's rules, and the rules that templates become for one
 * caller at one request.
 */
#include <stdlib.h>
#include <string.h>

#include "server/core/policy_rules.h"
#include "server/core/template.h"

/* ---- tables ----------------------------------------------------------- */

enum rule_kind
rule_kind(const struct rule *rule)
{
	if (rule->n_plus > 0)
		return RULE_PLUS;
	return rule->is_prefix ? RULE_PREFIX : RULE_EXACT;
}

int
span_compare_folded(struct span a, struct span b)
{
	size_t i, len = a.len < b.len ? a.len : b.len;

	for (i = 0; i < len; i++) {
		int order = ascii_fold(a.data[i]) - ascii_fold(b.data[i]);

		if (order != 0)
			return order;
	}
	return (a.len > b.len) - (a.len < b.len);
}

static int
order_entries(const void *a, const void *b)
{
	const struct rule_entry *x = a, *y = b;

	return span_compare(x->rule->pattern, y->rule->pattern);
}

static int
order_entries_folded(const void *a, const void *b)
{
	const struct rule_entry *x = a, *y = b;

	return span_compare_folded(x->rule->pattern, y->rule->pattern);
}

/*
 * Link each pattern to the longest other one that it begins with. That one is
 * the pattern before it or stands in that one's chain: whatever sorts between
 * a text and one of its beginnings begins with it too.
 */
static void
link_shorter(struct rule_table *table, bool fold)
{
	size_t i, at;

	for (i = 0; i < table->n; i++) {
		struct span text = table->entries[i].rule->pattern;

		for (at = i == 0 ? NO_SHORTER : i - 1; at != NO_SHORTER;
			at = table->entries[at].shorter) {
			struct span start = table->entries[at].rule->pattern;
			struct span head = { text.data, start.len };

			if (start.len >= text.len)
				continue;
			if (fold ? span_compare_folded(head, start) == 0
				 : span_equal(head, start))
				break;
		}
		table->entries[i].shorter = at;
	}
}

void
rule_find_wildcards(struct rule *rule)
{
	const uint8_t *data = rule->pattern.data;
	size_t i, len = rule->pattern.len;

	rule->first_wild = len;
	for (i = 0; i < len; i++) {
		if (data[i] != '+' || (i > 0 && data[i - 1] != '/') ||
			(i + 1 < len && data[i + 1] != '/'))
			continue;
		if (rule->n_plus++ == 0)
			rule->first_wild = i;
	}
}

/* Fill a table with the rules of its kind (denials only, where fold). */
static void
fill_table(struct rule_table *table, const struct rule *const *rules, size_t n,
	enum rule_kind kind, bool fold)
{
	for (size_t i = 0; i < n; i++) {
		if (rule_kind(rules[i]) == kind &&
			(!fold || rules[i]->caps == CAP_DENY))
			table->entries[table->n++].rule = rules[i];
	}
	if (table->n > 1)
		qsort(table->entries, table->n, sizeof(*table->entries),
			fold ? order_entries_folded : order_entries);
	link_shorter(table, fold);
}

void
policy_fill_tables(struct policy *policy, const struct rule *const *rules,
	size_t n, struct rule_entry *entries)
{
	for (enum rule_kind kind = RULE_EXACT; kind < RULE_KINDS; kind++) {
		policy->rules[kind].entries = entries;
		fill_table(&policy->rules[kind], rules, n, kind, false);
		entries += n;
		policy->denials[kind].entries = entries;
		fill_table(&policy->denials[kind], rules, n, kind, true);
		entries += n;
	}
}

/* ---- templates -------------------------------------------------------- */

/* Rendered rules, gathered from all policies. */
struct rendering {
	const struct identity *identity;
	struct arena *arena;
	struct rule *rules;
	const struct rule **list;
	size_t n;
};

static int
render_all(struct rendering *to, const struct policy *policy, struct err *err)
{
	for (size_t i = 0; i < policy->n_templates; i++) {
		struct rule *rule = &to->rules[to->n];
		int rc;

		*rule = *policy->templates[i];
		rc = template_render(rule->pattern, to->identity, to->arena,
			&rule->pattern, err);
		if (rc == ERR_ABSENT)
			continue;
		if (rc != 0)
			return rc;
		rule->is_template = false;
		rule->n_plus = 0;
		rule_find_wildcards(rule);
		to->list[to->n++] = rule;
	}
	return 0;
}

/* All rules rendered: the policy that they make. */
static int
make_policy(const struct rendering *from, const struct policy **ret_policy,
	struct err *err)
{
	struct policy *policy = ARENA_NEW(from->arena, struct policy);
	struct rule_entry *entries = ARENA_ARRAY(
		from->arena, struct rule_entry, POLICY_ENTRIES(from->n));

	if (policy == NULL || entries == NULL)
		return err_set_memory(err);
	policy_fill_tables(policy, from->list, from->n, entries);
	*ret_policy = policy;
	return 0;
}

int
policy_render(const struct policy *const *policies, size_t n,
	const struct identity *identity, struct arena *arena,
	const struct policy **ret_policy, struct err *err)
{
	struct rendering to = { .identity = identity, .arena = arena };
	size_t n_templates = 0;
	int rc = 0;

	*ret_policy = NULL;
	for (size_t i = 0; i < n; i++)
		n_templates += policies[i]->n_templates;
	if (identity == NULL || n_templates == 0)
		return 0;
	to.rules = ARENA_ARRAY(arena, struct rule, n_templates);
	to.list = ARENA_ARRAY(arena, const struct rule *, n_templates);
	if (to.rules == NULL || to.list == NULL)
		return err_set_memory(err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = render_all(&to, policies[i], err);
	if (rc == 0 && to.n > 0)
		rc = make_policy(&to, ret_policy, err);
	return rc;
}
