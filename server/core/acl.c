/*
 * The decision over all policies of a caller. One pattern decides: the best
 * that matches, over all policies together; the rules that have this pattern
 * are joined as they are read, so that a request builds nothing.
 *
 * A denial also covers the ASCII case variants of its paths (reliability.md
 * L03): it competes as if it were written like the path that is asked for,
 * and wins over a grant that ranks the same.
 */
#include <string.h>

#include "server/core/identity.h"
#include "server/core/policy_rules.h"
#include "server/core/server.h"

typedef int compare_fn(struct span a, struct span b);

/* ---- one table -------------------------------------------------------- */

/* The last entry whose pattern does not sort behind path, or NO_SHORTER. */
static size_t
last_not_behind(
	const struct rule_table *table, struct span path, compare_fn *compare)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(table->entries[mid].rule->pattern, path) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low == 0 ? NO_SHORTER : low - 1;
}

static const struct rule *
find_exact(
	const struct rule_table *table, struct span path, compare_fn *compare)
{
	size_t at = last_not_behind(table, path, compare);

	if (at == NO_SHORTER ||
		compare(table->entries[at].rule->pattern, path) != 0)
		return NULL;
	return table->entries[at].rule;
}

static bool
begins_with(struct span path, struct span start, compare_fn *compare)
{
	return path.len >= start.len &&
		compare(span_of(path.data, start.len), start) == 0;
}

/* The longest pattern that path begins with. */
static const struct rule *
find_prefix(
	const struct rule_table *table, struct span path, compare_fn *compare)
{
	size_t at = last_not_behind(table, path, compare);

	while (at != NO_SHORTER) {
		const struct rule *rule = table->entries[at].rule;

		if (begins_with(path, rule->pattern, compare))
			return rule;
		at = table->entries[at].shorter;
	}
	return NULL;
}

/* Take the first segment off *rest; *ret_last: nothing follows it. */
static struct span
next_segment(struct span *rest, bool *ret_last)
{
	const uint8_t *slash =
		rest->len == 0 ? NULL : memchr(rest->data, '/', rest->len);
	struct span segment = *rest;

	*ret_last = slash == NULL;
	if (slash != NULL)
		segment.len = (size_t)(slash - rest->data);
	*rest = span_skip(*rest, segment.len + 1);
	return segment;
}

static bool
is_plus(struct span segment)
{
	return segment.len == 1 && segment.data[0] == '+';
}

/* Segment by segment; '*' at the end takes the rest of its segment and on. */
static bool
matches_plus(const struct rule *rule, struct span path, compare_fn *compare)
{
	struct span pattern = rule->pattern;
	bool pattern_ends = false, path_ends = false;

	while (!pattern_ends) {
		struct span want, have;

		if (path_ends)
			return false;
		want = next_segment(&pattern, &pattern_ends);
		have = next_segment(&path, &path_ends);
		if (is_plus(want) || compare(want, have) == 0)
			continue;
		return pattern_ends && rule->is_prefix &&
			begins_with(have, want, compare);
	}
	return path_ends || rule->is_prefix;
}

/* ---- the best pattern ------------------------------------------------- */

/*
 * Positive where a ranks before b: later first wildcard, no '*' at the end,
 * fewer '+', longer, greater. Two patterns that match the same path and rank
 * the same differ in the case of letters at most.
 */
static int
rank(const struct rule *a, const struct rule *b)
{
	if (a->first_wild != b->first_wild)
		return a->first_wild > b->first_wild ? 1 : -1;
	if (a->is_prefix != b->is_prefix)
		return a->is_prefix ? -1 : 1;
	if (a->n_plus != b->n_plus)
		return a->n_plus < b->n_plus ? 1 : -1;
	if (a->pattern.len != b->pattern.len)
		return a->pattern.len > b->pattern.len ? 1 : -1;
	return span_compare_folded(a->pattern, b->pattern);
}

static void
consider(const struct rule **best, const struct rule *rule)
{
	int order;

	if (rule == NULL)
		return;
	order = *best == NULL ? 1 : rank(rule, *best);
	if (order > 0 || (order == 0 && rule->caps == CAP_DENY))
		*best = rule;
}

/* The rule for exactly this path; a denial where there is one. */
static const struct rule *
best_exact(const struct acl *acl, struct span path)
{
	const struct rule *best = NULL;
	size_t i;

	for (i = 0; i < acl->n; i++) {
		const struct policy *policy = acl->policies[i];

		consider(&best,
			find_exact(&policy->rules[RULE_EXACT], path,
				span_compare));
		consider(&best,
			find_exact(&policy->denials[RULE_EXACT], path,
				span_compare_folded));
	}
	return best;
}

static void
consider_plus(const struct rule **best, const struct rule_table *table,
	struct span path, compare_fn *compare)
{
	size_t i;

	for (i = 0; i < table->n; i++) {
		if (matches_plus(table->entries[i].rule, path, compare))
			consider(best, table->entries[i].rule);
	}
}

static const struct rule *
best_inexact(const struct acl *acl, struct span path)
{
	const struct rule *best = NULL;
	size_t i;

	for (i = 0; i < acl->n; i++) {
		const struct policy *policy = acl->policies[i];

		consider(&best,
			find_prefix(&policy->rules[RULE_PREFIX], path,
				span_compare));
		consider(&best,
			find_prefix(&policy->denials[RULE_PREFIX], path,
				span_compare_folded));
		consider_plus(
			&best, &policy->rules[RULE_PLUS], path, span_compare);
		consider_plus(&best, &policy->denials[RULE_PLUS], path,
			span_compare_folded);
	}
	return best;
}

/* The rule whose pattern decides, or NULL. */
static const struct rule *
best_rule(const struct acl *acl, struct span path, bool is_list)
{
	const struct rule *best = best_exact(acl, path);
	bool slash = path.len > 0 && path.data[path.len - 1] == '/';

	if (best == NULL && is_list && slash)
		best = best_exact(acl, span_of(path.data, path.len - 1));
	return best != NULL ? best : best_inexact(acl, path);
}

/* ---- all rules of that pattern ---------------------------------------- */

/* Walks the rules of every policy that have the pattern of pick. */
struct joined {
	const struct acl *acl;
	const struct rule *pick;
	size_t policy; /* the one being walked */
	size_t left;   /* entries of it from here downwards */
	bool inside;
};

static struct joined
joined_start(const struct acl *acl, const struct rule *pick)
{
	return (struct joined){ .acl = acl, .pick = pick };
}

static const struct rule *
joined_next(struct joined *walk)
{
	enum rule_kind kind = rule_kind(walk->pick);

	for (; walk->policy < walk->acl->n; walk->policy++) {
		const struct rule_table *table =
			&walk->acl->policies[walk->policy]->rules[kind];

		if (!walk->inside)
			walk->left = 1 +
				last_not_behind(table, walk->pick->pattern,
					span_compare);
		walk->inside = true;
		while (walk->left > 0) {
			const struct rule *rule =
				table->entries[--walk->left].rule;

			if (!span_equal(rule->pattern, walk->pick->pattern))
				break;
			if (rule->is_prefix == walk->pick->is_prefix)
				return rule;
		}
		walk->inside = false;
	}
	return NULL;
}

static unsigned
joined_caps(const struct acl *acl, const struct rule *pick)
{
	struct joined walk = joined_start(acl, pick);
	const struct rule *rule = NULL;
	unsigned caps = pick->caps;

	while ((rule = joined_next(&walk)) != NULL)
		caps |= rule->caps;
	return (caps & CAP_DENY) != 0 ? (unsigned)CAP_DENY : caps;
}

/* ---- parameters ------------------------------------------------------- */

/* Text with '*' at its ends; a lone "*" is itself (the peer's habit). */
static bool
glob_matches(struct span glob, struct span text)
{
	bool front = glob.len >= 2 && glob.data[0] == '*';
	bool back = glob.len >= 2 && glob.data[glob.len - 1] == '*';
	struct span core = front ? span_skip(glob, 1) : glob;

	if (back)
		core.len--;
	if (core.len > text.len || (!front && !back))
		return span_equal(glob, text);
	if (core.len == 0)
		return true;
	if (front && back)
		return memmem(text.data, text.len, core.data, core.len) != NULL;
	if (front)
		return span_equal(span_skip(text, text.len - core.len), core);
	return span_has_prefix(text, core);
}

/* Strings with strings, booleans with booleans; all else never matches. */
static bool
value_matches(const struct rule_value *listed, const struct value *value)
{
	if (listed->type != value->type)
		return false;
	if (value->type == VALUE_STRING)
		return glob_matches(listed->text, value_text(value));
	if (value->type == VALUE_BOOL)
		return listed->boolean == value->boolean;
	return value->type == VALUE_NULL;
}

static bool
param_lists(const struct rule_param *param, const struct value *value)
{
	size_t i;

	for (i = 0; i < param->n; i++) {
		if (value_matches(&param->values[i], value))
			return true;
	}
	return param->n == 0;
}

/* What the joined maps say of a parameter. */
struct verdict {
	bool named, listed; /* its name is a key; its value is in the list */
	size_t n_keys;      /* of the joined maps */
	bool star;          /* "*" is one */
};

typedef const struct rule_params *params_fn(const struct rule *rule);

static const struct rule_params *
allowed_of(const struct rule *rule)
{
	return &rule->allowed;
}

static const struct rule_params *
denied_of(const struct rule *rule)
{
	return &rule->denied;
}

/* Look value up by its key; value NULL: count the keys only. */
static struct verdict
look_up(const struct acl *acl, const struct rule *pick, params_fn *params_of,
	const struct value *value)
{
	struct joined walk = joined_start(acl, pick);
	struct verdict verdict = { 0 };
	const struct rule *rule = NULL;
	size_t i;

	while ((rule = joined_next(&walk)) != NULL) {
		const struct rule_params *params = params_of(rule);

		verdict.n_keys += params->n;
		for (i = 0; i < params->n; i++) {
			const struct rule_param *item = &params->items[i];

			if (span_equal(item->name, span_str("*")))
				verdict.star = true;
			if (value == NULL ||
				span_compare_folded(
					item->name, span_str(value->key)) != 0)
				continue;
			verdict.named = true;
			verdict.listed |= param_lists(item, value);
		}
	}
	return verdict;
}

static bool
has_member(const struct value *data, struct span name)
{
	VALUE_EACH (member, data) {
		if (span_compare_folded(name, span_str(member->key)) == 0)
			return true;
	}
	return false;
}

static bool
has_required(const struct acl *acl, const struct rule *pick,
	const struct value *data)
{
	struct joined walk = joined_start(acl, pick);
	const struct rule *rule = NULL;
	size_t i;

	while ((rule = joined_next(&walk)) != NULL) {
		for (i = 0; i < rule->n_required; i++) {
			if (!has_member(data, rule->required[i]))
				return false;
		}
	}
	return true;
}

static bool
passes_denied(const struct acl *acl, const struct rule *pick,
	const struct value *data)
{
	struct verdict all = look_up(acl, pick, denied_of, NULL);

	if (all.star)
		return false;
	if (all.n_keys == 0)
		return true;
	VALUE_EACH (member, data) {
		if (look_up(acl, pick, denied_of, member).listed)
			return false;
	}
	return true;
}

static bool
passes_allowed(const struct acl *acl, const struct rule *pick,
	const struct value *data)
{
	struct verdict all = look_up(acl, pick, allowed_of, NULL);

	if (all.n_keys == 0)
		return true;
	VALUE_EACH (member, data) {
		struct verdict one = look_up(acl, pick, allowed_of, member);

		if (one.named ? !one.listed : !all.star)
			return false;
	}
	return true;
}

static bool
passes_parameters(const struct acl *acl, const struct rule *pick,
	const struct value *data)
{
	if (!has_required(acl, pick, data))
		return false;
	if (data == NULL || data->n == 0)
		return true;
	return passes_denied(acl, pick, data) &&
		passes_allowed(acl, pick, data);
}

/* ---- wrapping --------------------------------------------------------- */

static int64_t
lesser(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static bool
passes_wrapping(const struct acl *acl, const struct rule *pick, int64_t ttl_s)
{
	struct joined walk = joined_start(acl, pick);
	const struct rule *rule = NULL;
	int64_t min_s = 0, max_s = 0;

	while ((rule = joined_next(&walk)) != NULL) {
		min_s = lesser(min_s, rule->min_wrap_s);
		max_s = lesser(max_s, rule->max_wrap_s);
	}
	if (min_s == 0 && max_s == 0)
		return true;
	return ttl_s > 0 && ttl_s >= min_s && (max_s == 0 || ttl_s <= max_s);
}

/* ---- entry points ----------------------------------------------------- */

static int
refuse(struct err *err)
{
	return err_set(err, ERR_DENIED, 403, "permission denied");
}

int
acl_check(const struct acl *acl, const struct acl_request *request,
	bool *ret_sudo, struct err *err)
{
	const struct rule *pick = NULL;
	unsigned caps, wants = request->wants;

	if (acl->root) {
		*ret_sudo = true;
		return 0;
	}
	pick = best_rule(
		acl, span_str(request->path), request->wants == CAP_LIST);
	if (pick == NULL)
		return refuse(err);
	if (request->wants_sudo)
		wants |= CAP_SUDO;
	caps = joined_caps(acl, pick);
	if (caps == CAP_DENY || (caps & wants) != wants)
		return refuse(err);
	if (!passes_wrapping(acl, pick, request->wrap_ttl_s))
		return refuse(err);
	if (request->checks_parameters &&
		!passes_parameters(acl, pick, request->data))
		return refuse(err);
	*ret_sudo = (caps & CAP_SUDO) != 0;
	return 0;
}

unsigned
acl_capabilities(const struct acl *acl, const char *path)
{
	const struct rule *pick = NULL;
	unsigned caps;

	if (acl->root)
		return CAP_ROOT;
	pick = best_rule(acl, span_str(path), true);
	caps = pick == NULL ? 0 : joined_caps(acl, pick);
	return caps == 0 ? (unsigned)CAP_DENY : caps;
}

static bool
grants(const struct acl *acl, const struct rule *pick)
{
	unsigned caps = pick == NULL ? 0 : joined_caps(acl, pick);

	return caps != 0 && caps != CAP_DENY;
}

/*
 * The rule may speak of a path below prefix. Where it has a '+', pattern and
 * prefix are compared by segments, as far as both of them go.
 */
static bool
reaches_below(const struct rule *rule, struct span prefix)
{
	struct span pattern = rule->pattern;
	bool pattern_ends = false, prefix_ends = false;

	if (rule->n_plus == 0)
		return span_has_prefix(pattern, prefix);
	while (!pattern_ends && prefix.len > 0) {
		struct span want = next_segment(&pattern, &pattern_ends);
		struct span have = next_segment(&prefix, &prefix_ends);

		if (!is_plus(want) && !span_equal(want, have))
			return pattern_ends && rule->is_prefix &&
				span_has_prefix(have, want);
	}
	return prefix.len == 0 || rule->is_prefix;
}

/* Some rule of a table grants a right below prefix. */
static bool
table_grants_below(const struct acl *acl, const struct rule_table *table,
	struct span prefix)
{
	size_t i;

	for (i = 0; i < table->n; i++) {
		const struct rule *rule = table->entries[i].rule;

		if (reaches_below(rule, prefix) && grants(acl, rule))
			return true;
	}
	return false;
}

bool
acl_has_any_below(const struct acl *acl, const char *prefix)
{
	struct span text = span_str(prefix);
	enum rule_kind kind;
	size_t i;

	if (acl->root || grants(acl, best_inexact(acl, text)))
		return true;
	for (i = 0; i < acl->n; i++) {
		for (kind = RULE_EXACT; kind < RULE_KINDS; kind++) {
			if (table_grants_below(
				    acl, &acl->policies[i]->rules[kind], text))
				return true;
		}
	}
	return false;
}

static const struct word {
	const char *name;
	unsigned bit;
} capability_names[] = {
	{ "create", CAP_CREATE },
	{ "delete", CAP_DELETE },
	{ "deny", CAP_DENY },
	{ "list", CAP_LIST },
	{ "read", CAP_READ },
	{ "root", CAP_ROOT },
	{ "sudo", CAP_SUDO },
	{ "update", CAP_UPDATE },
};

struct value *
capabilities_value(struct arena *arena, unsigned bits)
{
	struct value *list = value_list(arena);
	size_t i;

	if (bits == 0 || (bits & CAP_DENY) != 0)
		bits = CAP_DENY;
	if ((bits & CAP_ROOT) != 0)
		bits = CAP_ROOT;
	for (i = 0; i < ARRAY_LEN(capability_names); i++) {
		if ((bits & capability_names[i].bit) != 0 &&
			!value_add(list,
				value_string(arena, capability_names[i].name)))
			return NULL;
	}
	return list;
}

/* Add the policy called name, where it exists. */
static int
load_one(struct server *server, const char *name, struct acl *acl,
	struct err *err)
{
	char record[KV_KEY_MAX], key[KV_KEY_MAX];
	struct compiled *ref = NULL;
	struct err why = { 0 };
	size_t i, len = strlen(name);
	int rc;

	if (len + sizeof("policies/") > sizeof(record))
		return 0; /* no record has so long a name */
	memcpy(record, "policies/", sizeof("policies/"));
	for (i = 0; i <= len; i++)
		record[sizeof("policies/") - 1 + i] =
			(char)ascii_fold((uint8_t)name[i]);
	if (kv_key(&server->system, record, key, &why) != 0)
		return 0;
	rc = store_compiled(
		server->store, span_str(key), &policy_type, &ref, &why);
	if (rc == ERR_ABSENT)
		return 0;
	if (rc != 0) {
		err_set(err, rc, why.status, "%s", why.message);
		return err_wrap(err, "policy %s: %s", name, why.detail);
	}
	acl->refs[acl->n] = ref;
	acl->policies[acl->n++] = compiled_object(ref);
	return 0;
}

/* Those of identity that the token does not name itself. */
static int
load_more(struct server *server, const struct str_list *names,
	const struct str_list *more, struct acl *acl, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < more->n && rc == 0; i++) {
		if (!str_list_has(names, more->items[i]))
			rc = load_one(server, more->items[i], acl, err);
	}
	return rc;
}

/* The templates of all policies, as one more. */
static int
add_rendered(struct acl *acl, const struct identity *identity,
	struct arena *arena, struct err *err)
{
	const struct policy *rendered = NULL;
	int rc = policy_render(
		acl->policies, acl->n, identity, arena, &rendered, err);

	if (rc == 0 && rendered != NULL)
		acl->policies[acl->n++] = rendered;
	return rc;
}

static int
load(struct server *server, const struct str_list *names,
	const struct identity *identity, struct arena *arena, struct acl *acl,
	struct err *err)
{
	const size_t more = identity == NULL ? 0 : identity->policies.n + 1;
	int rc = 0;

	acl->policies =
		ARENA_ARRAY(arena, const struct policy *, names->n + more);
	acl->refs = ARENA_ARRAY(arena, struct compiled *, names->n + more);
	if (acl->policies == NULL || acl->refs == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < names->n && rc == 0; i++)
		rc = load_one(server, names->items[i], acl, err);
	if (rc != 0 || identity == NULL)
		return rc;
	rc = load_more(server, names, &identity->policies, acl, err);
	return rc != 0 ? rc : add_rendered(acl, identity, arena, err);
}

int
acl_load(struct server *server, const struct str_list *names,
	const struct identity *identity, struct arena *arena,
	struct acl *ret_acl, struct err *err)
{
	struct acl acl = { .root = names->n == 1 &&
			strcmp(names->items[0], "root") == 0 };
	int rc = 0;

	if (!acl.root)
		rc = load(server, names, identity, arena, &acl, err);
	if (rc != 0)
		acl_clear(&acl);
	else
		*ret_acl = acl;
	return rc;
}

void
acl_clear(struct acl *acl)
{
	size_t i;

	for (i = 0; i < acl->n; i++)
		compiled_unref(&acl->refs[i]);
	*acl = (struct acl){ 0 };
}
