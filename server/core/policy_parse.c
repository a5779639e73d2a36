/*
 * Policy text to its compiled form (spec/core-api.md 4.2). Every error names
 * the path block it stands in, and the line where the peer does.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/duration.h"
#include "lib/hcl.h"
#include "lib/json.h"
#include "server/core/policy_rules.h"

#define PARSE_MEMORY_MAX (16 * 1024 * 1024)
#define SHOWN_MAX 64 /* bytes of a caller's text in an error */

/* Memory of a policy is a chain of blocks, freed as a whole. */
struct policy_block {
	struct policy_block *next;
	_Alignas(16) uint8_t data[];
};

struct parse {
	struct policy *policy;
	struct err *err;
	const char *path; /* key of the block being read, as written */

	struct raw_rule {
		struct rule rule;
		struct raw_rule *next;
	} * first, **last;
};

struct word {
	const char *name;
	unsigned bits;
};

static const struct word capability_words[] = {
	{ "create", CAP_CREATE },
	{ "read", CAP_READ },
	{ "update", CAP_UPDATE },
	{ "delete", CAP_DELETE },
	{ "list", CAP_LIST },
	{ "sudo", CAP_SUDO },
	{ "deny", CAP_DENY },
	{ NULL, 0 },
};

#define CAPS_WRITE (CAP_CREATE | CAP_READ | CAP_UPDATE | CAP_DELETE | CAP_LIST)

/* The key "policy" of a path block, an older way to say capabilities. */
static const struct word policy_words[] = {
	{ "deny", CAP_DENY },
	{ "read", CAP_READ | CAP_LIST },
	{ "write", CAPS_WRITE },
	{ "sudo", CAPS_WRITE | CAP_SUDO },
	{ NULL, 0 },
};

static int refuse(struct parse *parse, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Record "failed to parse policy: path "x": …". */
static int
refuse(struct parse *parse, const char *fmt, ...)
{
	char why[ERR_MESSAGE_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	if (parse->path == NULL)
		return err_set(parse->err, ERR_INPUT, 400,
			"failed to parse policy: %s", why);
	return err_set(parse->err, ERR_INPUT, 400,
		"failed to parse policy: path \"%.64s\": %s", parse->path, why);
}

/* Zeroed memory of the policy; NULL with err set on failure. */
static void *
policy_alloc(struct parse *parse, size_t n, size_t size)
{
	struct policy_block *block = NULL;
	size_t len;

	if (size_mul(n, size, &len) && size_add(len, sizeof(*block), &len))
		block = calloc(1, len);
	if (block == NULL) {
		err_set_memory(parse->err);
		return NULL;
	}
	block->next = parse->policy->blocks;
	parse->policy->blocks = block;
	parse->policy->size += len;
	return block->data;
}

static int
copy_span(struct parse *parse, struct span from, bool fold, struct span *ret_to)
{
	uint8_t *to = policy_alloc(parse, from.len + 1, 1);
	size_t i;

	if (to == NULL)
		return ERR_MEMORY;
	for (i = 0; i < from.len; i++)
		to[i] = fold ? ascii_fold(from.data[i]) : from.data[i];
	*ret_to = span_of(to, from.len);
	return 0;
}

/* ---- keys of a path block --------------------------------------------- */

static int
read_word(struct parse *parse, const struct word *words, const char *what,
	const struct value *value, unsigned *caps)
{
	struct span text = value_text(value);

	for (; words->name != NULL; words++) {
		if (span_equal(text, span_str(words->name))) {
			*caps |= words->bits;
			return 0;
		}
	}
	return refuse(parse, "invalid %s \"%.*s\"", what,
		(int)(text.len < SHOWN_MAX ? text.len : SHOWN_MAX), text.data);
}

static int
want_type(struct parse *parse, const struct value *value, const char *key,
	enum value_type type, const char *name)
{
	if (value->type == type)
		return 0;
	return refuse(
		parse, "\"%s\" on line %d must be %s", key, value->line, name);
}

static int
read_capabilities(
	struct parse *parse, const struct value *value, struct rule *rule)
{
	int rc = want_type(
		parse, value, value->key, VALUE_LIST, "a list of strings");

	if (rc != 0)
		return rc;
	VALUE_EACH (item, value) {
		rc = want_type(parse, item, value->key, VALUE_STRING,
			"a list of strings");
		if (rc == 0)
			rc = read_word(parse, capability_words, "capability",
				item, &rule->caps);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
read_policy(struct parse *parse, const struct value *value, struct rule *rule)
{
	int rc = want_type(parse, value, value->key, VALUE_STRING, "a string");

	if (rc != 0 || value->len == 0)
		return rc;
	return read_word(parse, policy_words, "policy", value, &rule->caps);
}

static int
copy_value(struct parse *parse, const struct value *from, struct rule_value *to)
{
	to->type = from->type;
	if (from->type == VALUE_BOOL)
		to->boolean = from->boolean;
	if (from->type != VALUE_STRING)
		return 0;
	return copy_span(parse, value_text(from), false, &to->text);
}

static int
read_param(struct parse *parse, const char *key, const struct value *from,
	struct rule_param *to)
{
	struct rule_value *values = NULL;
	size_t i = 0;
	int rc = want_type(parse, from, key, VALUE_LIST, "a map of lists");

	if (rc != 0)
		return rc;
	values = policy_alloc(parse, from->n, sizeof(*values));
	if (values == NULL)
		return ERR_MEMORY;
	VALUE_EACH (item, from) {
		rc = copy_value(parse, item, &values[i++]);
		if (rc != 0)
			return rc;
	}
	to->n = from->n;
	to->values = values;
	return copy_span(parse, span_str(from->key), true, &to->name);
}

static int
read_params(struct parse *parse, const struct value *map,
	struct rule_params *ret_params)
{
	struct rule_param *items = NULL;
	size_t i = 0;
	int rc =
		want_type(parse, map, map->key, VALUE_OBJECT, "a map of lists");

	if (rc != 0)
		return rc;
	items = policy_alloc(parse, map->n, sizeof(*items));
	if (items == NULL)
		return ERR_MEMORY;
	VALUE_EACH (member, map) {
		rc = read_param(parse, map->key, member, &items[i++]);
		if (rc != 0)
			return rc;
	}
	*ret_params = (struct rule_params){ map->n, items };
	return 0;
}

static int
read_allowed(struct parse *parse, const struct value *value, struct rule *rule)
{
	return read_params(parse, value, &rule->allowed);
}

static int
read_denied(struct parse *parse, const struct value *value, struct rule *rule)
{
	return read_params(parse, value, &rule->denied);
}

static int
read_required(struct parse *parse, const struct value *value, struct rule *rule)
{
	struct span *names = NULL;
	size_t i = 0;
	int rc = want_type(
		parse, value, value->key, VALUE_LIST, "a list of strings");

	if (rc != 0)
		return rc;
	names = policy_alloc(parse, value->n, sizeof(*names));
	if (names == NULL)
		return ERR_MEMORY;
	VALUE_EACH (item, value) {
		rc = want_type(parse, item, value->key, VALUE_STRING,
			"a list of strings");
		if (rc == 0)
			rc = copy_span(
				parse, value_text(item), true, &names[i++]);
		if (rc != 0)
			return rc;
	}
	rule->required = names;
	rule->n_required = value->n;
	return 0;
}

static int
read_ttl(struct parse *parse, const struct value *value, int64_t *ret_s)
{
	struct err why = { 0 };
	int64_t s = -1;

	if (value->type == VALUE_STRING || value->type == VALUE_NUMBER)
		(void)duration_parse_s(value_text(value), &s, &why);
	if (s < 0)
		return refuse(parse, "error parsing %s: invalid duration",
			value->key);
	*ret_s = s;
	return 0;
}

static int
read_min_wrap(struct parse *parse, const struct value *value, struct rule *rule)
{
	return read_ttl(parse, value, &rule->min_wrap_s);
}

static int
read_max_wrap(struct parse *parse, const struct value *value, struct rule *rule)
{
	return read_ttl(parse, value, &rule->max_wrap_s);
}

static const struct block_key {
	const char *name;
	/* NULL: taken and not used */
	int (*read)(struct parse *parse, const struct value *value,
		struct rule *rule);
} block_keys[] = {
	{ "capabilities", read_capabilities },
	{ "policy", read_policy },
	{ "allowed_parameters", read_allowed },
	{ "denied_parameters", read_denied },
	{ "required_parameters", read_required },
	{ "min_wrapping_ttl", read_min_wrap },
	{ "max_wrapping_ttl", read_max_wrap },
	{ "comment", NULL },
	{ "mfa_methods", NULL },
	{ "control_group", NULL },
};

static int
read_key(struct parse *parse, const struct value *member, struct rule *rule)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(block_keys); i++) {
		if (strcmp(block_keys[i].name, member->key) != 0)
			continue;
		return block_keys[i].read == NULL
			? 0
			: block_keys[i].read(parse, member, rule);
	}
	return refuse(parse, "invalid key \"%.64s\" on line %d", member->key,
		member->line);
}

/* ---- path blocks ------------------------------------------------------ */

/*
 * Template braces must pair up. A block with a template applies to callers for
 * whom its directive has a value, and is left out for all others.
 */
static int
check_template(struct parse *parse, bool *ret_is)
{
	const char *at = parse->path;
	bool open = false;

	*ret_is = strstr(at, "{{") != NULL;
	for (; *at != '\0'; at++) {
		bool opens = at[0] == '{' && at[1] == '{';
		bool closes = at[0] == '}' && at[1] == '}';

		if (!opens && !closes)
			continue;
		if (opens == open)
			return refuse(parse,
				"failed to validate policy templating: unbalanced templating characters");
		open = opens;
		at++;
	}
	return open
		? refuse(parse,
			  "failed to validate policy templating: unbalanced templating characters")
		: 0;
}

static int
read_pattern(struct parse *parse, struct rule *rule)
{
	struct span text = span_str(parse->path);
	int rc;

	if (text.len > 0 && text.data[0] == '/')
		text = span_skip(text, 1);
	if (text.len > 0 && text.data[text.len - 1] == '*') {
		rule->is_prefix = true;
		text.len--;
	}
	rc = copy_span(parse, text, false, &rule->pattern);
	if (rc == 0)
		rule_find_wildcards(rule);
	return rc;
}

/* One block's keys into rule. */
static int
read_block(struct parse *parse, const struct value *block, struct rule *rule)
{
	VALUE_EACH (member, block) {
		int rc = read_key(parse, member, rule);

		if (rc != 0)
			return rc;
	}
	if (rule->max_wrap_s != 0 && rule->max_wrap_s < rule->min_wrap_s)
		return refuse(parse,
			"max_wrapping_ttl cannot be less than min_wrapping_ttl");
	if ((rule->caps & CAP_DENY) != 0)
		rule->caps = CAP_DENY;
	return read_pattern(parse, rule);
}

static int
read_path(struct parse *parse, const struct value *block)
{
	struct raw_rule *raw = NULL;
	int rc;

	if (strstr(parse->path, "+*") != NULL)
		return refuse(
			parse, "invalid use of wildcards ('+*' is forbidden)");
	if (block->type != VALUE_OBJECT)
		return refuse(parse, "line %d must begin a block", block->line);
	raw = policy_alloc(parse, 1, sizeof(*raw));
	if (raw == NULL)
		return ERR_MEMORY;
	rc = read_block(parse, block, &raw->rule);
	if (rc == 0)
		rc = check_template(parse, &raw->rule.is_template);
	if (rc != 0)
		return rc;
	*parse->last = raw;
	parse->last = &raw->next;
	return 0;
}

/* The blocks of one path: an object, or a list of objects in JSON. */
static int
read_path_member(struct parse *parse, const struct value *member)
{
	int rc = 0;

	parse->path = member->key;
	if (member->type != VALUE_LIST) {
		rc = read_path(parse, member);
	} else {
		VALUE_EACH (block, member) {
			rc = read_path(parse, block);
			if (rc != 0)
				break;
		}
	}
	if (rc == 0)
		parse->path = NULL;
	return rc;
}

/* A top-level "path": an object of paths, or a list of such in JSON. */
static int
read_paths(struct parse *parse, const struct value *paths)
{
	int rc = 0;

	if (paths->type == VALUE_LIST) {
		VALUE_EACH (each, paths) {
			if (each->type == VALUE_LIST)
				return refuse(parse,
					"\"path\" on line %d must name a block",
					paths->line);
			rc = read_paths(parse, each);
			if (rc != 0)
				return rc;
		}
		return 0;
	}
	if (paths->type != VALUE_OBJECT)
		return refuse(parse, "\"path\" on line %d must name a block",
			paths->line);
	VALUE_EACH (member, paths) {
		rc = read_path_member(parse, member);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
read_document(struct parse *parse, const struct value *document)
{
	VALUE_EACH (member, document) {
		int rc = 0;

		if (strcmp(member->key, "path") == 0)
			rc = read_paths(parse, member);
		else if (strcmp(member->key, "name") != 0)
			rc = refuse(parse, "invalid key \"%.64s\" on line %d",
				member->key, member->line);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- tables ----------------------------------------------------------- */

static int
build_tables(struct parse *parse)
{
	struct policy *policy = parse->policy;
	const struct raw_rule *raw = NULL;
	const struct rule **rules = NULL, **templates = NULL;
	struct rule_entry *entries = NULL;
	size_t n = 0, n_templates = 0;

	for (raw = parse->first; raw != NULL; raw = raw->next)
		*(raw->rule.is_template ? &n_templates : &n) += 1;
	rules = policy_alloc(parse, n, sizeof(*rules));
	templates = policy_alloc(parse, n_templates, sizeof(*templates));
	entries = policy_alloc(parse, POLICY_ENTRIES(n), sizeof(*entries));
	if (rules == NULL || templates == NULL || entries == NULL)
		return ERR_MEMORY;
	policy->templates = templates;
	for (n = 0, raw = parse->first; raw != NULL; raw = raw->next) {
		if (raw->rule.is_template)
			templates[policy->n_templates++] = &raw->rule;
		else
			rules[n++] = &raw->rule;
	}
	policy_fill_tables(policy, rules, n, entries);
	return 0;
}

/* ---- entry points ----------------------------------------------------- */

static int
parse_text(struct parse *parse, struct span text, struct arena *arena)
{
	struct value *document = NULL;
	struct err why = { 0 };
	int rc;

	if (text.len > POLICY_TEXT_MAX)
		return refuse(
			parse, "text is longer than %d bytes", POLICY_TEXT_MAX);
	rc = hcl_parse(text, arena, &document, &why);
	if (rc == ERR_MEMORY)
		return err_set_memory(parse->err);
	if (rc != 0)
		return refuse(parse, "%s", why.message);
	rc = read_document(parse, document);
	return rc != 0 ? rc : build_tables(parse);
}

int
policy_parse(struct span text, struct policy **ret_policy, size_t *ret_size,
	struct err *err)
{
	struct policy *policy = calloc(1, sizeof(*policy));
	struct parse parse = { .policy = policy, .err = err };
	struct arena *arena = arena_new(PARSE_MEMORY_MAX);
	int rc;

	parse.last = &parse.first;
	if (policy == NULL || arena == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	rc = parse_text(&parse, text, arena);
	if (rc != 0)
		goto out;
	*ret_size = sizeof(*policy) + policy->size;
	*ret_policy = policy;
	policy = NULL;
out:
	policy_free(&policy);
	arena_free(&arena);
	return rc;
}

void
policy_free(struct policy **policy)
{
	struct policy_block *block = NULL, *next = NULL;

	if (*policy == NULL)
		return;
	for (block = (*policy)->blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	free(*policy);
	*policy = NULL;
}

/* A stored record: {"policy": "<text>"}. */
static int
compile_record(const void *ctx, struct span key, struct span value,
	void **ret_object, size_t *ret_size, struct err *err)
{
	struct arena *arena = arena_new(PARSE_MEMORY_MAX);
	struct policy *policy = NULL;
	struct value *record = NULL;
	int rc;

	(void)ctx;
	if (arena == NULL)
		return err_set_memory(err);
	rc = json_parse(value, &json_limits_trusted, arena, &record, err);
	if (rc == 0)
		rc = policy_parse(value_text(value_find(record, "policy")),
			&policy, ret_size, err);
	if (rc == 0)
		*ret_object = policy;
	else
		err_wrap(err, "record %.*s", (int)key.len, key.data);
	arena_free(&arena);
	return rc;
}

static void
free_object(void *object)
{
	struct policy *policy = object;

	policy_free(&policy);
}

const struct compiled_type policy_type = {
	.name = "policy",
	.compile = compile_record,
	.free = free_object,
};

#define ALLOW(path, caps)                                                      \
	"path \"" path "\" {\n  capabilities = [" caps "]\n}\n"

const char policy_default_text[] =
	"# What every token may do unless it opts out.\n\n"
	"# Its own life\n" ALLOW("auth/token/lookup-self", "\"read\"") ALLOW(
		"auth/token/renew-self",
		"\"update\"") ALLOW("auth/token/revoke-self",
		"\"update\"") ALLOW("sys/capabilities-self",
		"\"update\"") "\n# Its own identity\n" ALLOW("identity/entity/id/{{identity.entity.id}}",
		"\"read\"") ALLOW("identity/entity/name/{{identity.entity.name}}",
		"\"read\"") "\n# What the web page asks for\n" ALLOW("sys/internal/ui/resultant-acl",
		"\"read\"") "\n# Leases that it holds the id of\n" ALLOW("sys/renew",
		"\"update\"") ALLOW("sys/leases/renew",
		"\"update\"") ALLOW("sys/leases/lookup",
		"\"update\"") "\n# Its cubbyhole, and wrapping\n" ALLOW("cubbyhole/*",
		"\"create\", \"read\", \"update\", \"delete\", \"list\"")
		ALLOW("sys/wrapping/wrap", "\"update\"") ALLOW(
			"sys/wrapping/lookup",
			"\"update\"") ALLOW("sys/wrapping/unwrap",
			"\"update\"") "\n# Tools\n" ALLOW("sys/tools/hash",
			"\"update\"") ALLOW("sys/tools/hash/*", "\"update\"")
			ALLOW("sys/control-group/request", "\"update\"");
