/*
 * HCL version 1, as its reference implementation reads it: a parser by
 * recursive descent over the tokens of lib/hcl_lex.h, bounded in depth and in
 * the number of values.
 */
#include "lib/hcl.h"

#include <string.h>

#include "lib/hcl_lex.h"
#include "lib/json.h"

struct parser {
	struct hcl_lexer lexer;
	size_t depth, nodes;
};

/* Count a value against the cap, and give it its line. */
static int
count_value(struct parser *p, struct value *value, int line,
	struct value **ret_value)
{
	if (value == NULL)
		return err_set_memory(p->lexer.err);
	if (++p->nodes > HCL_NODES_MAX)
		return hcl_lex_fail(&p->lexer, "too many values");
	value->line = line;
	*ret_value = value;
	return 0;
}

static int
enter(struct parser *p)
{
	p->depth++;
	return p->depth > HCL_DEPTH_MAX
		? hcl_lex_fail(&p->lexer, "nested too deeply")
		: 0;
}

static int parse_value(struct parser *p, struct value **ret_value);
static int parse_members(
	struct parser *p, struct value *object, enum hcl_token_type end);

/* From behind "{" to behind "}". */
static int
parse_object(struct parser *p, struct value **ret_value)
{
	struct hcl_token opening = p->lexer.token;
	struct value *object = NULL;
	int rc;

	rc = count_value(
		p, value_object(p->lexer.arena), opening.line, &object);
	if (rc == 0)
		rc = enter(p);
	if (rc == 0)
		rc = hcl_lex_next(&p->lexer);
	if (rc == 0)
		rc = parse_members(p, object, HCL_OBJECT_END);
	if (rc != 0)
		return rc;
	if (p->lexer.token.type != HCL_OBJECT_END)
		return hcl_lex_fail_at(
			&p->lexer, &opening, "object not closed");
	p->depth--;
	*ret_value = object;
	return hcl_lex_next(&p->lexer);
}

/* The items of a list; ends on "]" or on what does not belong there. */
static int
parse_items(struct parser *p, struct value *list)
{
	struct value *item = NULL;
	int rc = 0;

	while (rc == 0 && p->lexer.token.type != HCL_LIST_END) {
		rc = parse_value(p, &item);
		if (rc != 0)
			break;
		(void)value_add(list, item);
		if (p->lexer.token.type == HCL_COMMA)
			rc = hcl_lex_next(&p->lexer);
		else if (p->lexer.token.type != HCL_LIST_END)
			rc = hcl_lex_fail(&p->lexer,
				"expected a comma or the list's end");
	}
	return rc;
}

static int
parse_list(struct parser *p, struct value **ret_value)
{
	struct value *list = NULL;
	int rc;

	rc = count_value(
		p, value_list(p->lexer.arena), p->lexer.token.line, &list);
	if (rc == 0)
		rc = enter(p);
	if (rc == 0)
		rc = hcl_lex_next(&p->lexer);
	if (rc == 0)
		rc = parse_items(p, list);
	if (rc != 0)
		return rc;
	p->depth--;
	*ret_value = list;
	return hcl_lex_next(&p->lexer);
}

static struct value *
new_scalar(struct parser *p)
{
	switch (p->lexer.token.type) {
	case HCL_NUMBER:
		return value_number(p->lexer.arena, p->lexer.token.text);
	case HCL_BOOL:
		return value_bool(p->lexer.arena,
			span_equal(p->lexer.token.text, span_str("true")));
	default:
		return value_span(p->lexer.arena, p->lexer.token.text);
	}
}

static int
parse_value(struct parser *p, struct value **ret_value)
{
	int rc;

	switch (p->lexer.token.type) {
	case HCL_OBJECT:
		return parse_object(p, ret_value);
	case HCL_LIST:
		return parse_list(p, ret_value);
	case HCL_STRING:
	case HCL_HEREDOC:
	case HCL_NUMBER:
	case HCL_BOOL:
		rc = count_value(
			p, new_scalar(p), p->lexer.token.line, ret_value);
		return rc != 0 ? rc : hcl_lex_next(&p->lexer);
	default:
		return hcl_lex_fail(&p->lexer, "expected a value");
	}
}

/* A key as a string of the arena; NUL bytes have no place in one. */
static int
take_key(struct parser *p, const char **ret_key)
{
	struct span text = p->lexer.token.text;

	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		return hcl_lex_fail(&p->lexer, "illegal character in a key");
	*ret_key = arena_strndup(p->lexer.arena, text.data, text.len);
	return *ret_key == NULL ? err_set_memory(p->lexer.err)
				: hcl_lex_next(&p->lexer);
}

static bool
is_key(const struct parser *p)
{
	return p->lexer.token.type == HCL_NAME ||
		p->lexer.token.type == HCL_STRING;
}

/* Behind the first key: labels, each an object that holds the next. */
static int
parse_block(struct parser *p, struct value *parent, const char *key)
{
	size_t depth = p->depth;
	struct value *body = NULL;
	int line = p->lexer.token.line, rc = 0;

	while (rc == 0 && is_key(p)) {
		const char *label = NULL;
		struct value *object = NULL;

		rc = count_value(
			p, value_object(p->lexer.arena), line, &object);
		if (rc == 0)
			rc = enter(p);
		if (rc == 0)
			rc = take_key(p, &label);
		if (rc != 0)
			return rc;
		if (!value_append(p->lexer.arena, parent, key, object))
			return err_set_memory(p->lexer.err);
		parent = object;
		key = label;
	}
	if (rc != 0)
		return rc;
	if (p->lexer.token.type != HCL_OBJECT)
		return hcl_lex_fail(
			&p->lexer, "expected a block's opening brace");
	rc = parse_object(p, &body);
	if (rc != 0)
		return rc;
	p->depth = depth;
	if (!value_append(p->lexer.arena, parent, key, body))
		return err_set_memory(p->lexer.err);
	return 0;
}

/* "key = value" or a block. */
static int
parse_member(struct parser *p, struct value *object)
{
	struct value *value = NULL;
	const char *key = NULL;
	int line = p->lexer.token.line, rc;

	if (!is_key(p))
		return hcl_lex_fail(&p->lexer, "expected a key");
	rc = take_key(p, &key);
	if (rc != 0)
		return rc;
	if (p->lexer.token.type != HCL_ASSIGN)
		return parse_block(p, object, key);
	rc = hcl_lex_next(&p->lexer);
	if (rc == 0)
		rc = parse_value(p, &value);
	if (rc != 0)
		return rc;
	/* What parse_value returns is not 0 where it fails.
	 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	value->line = line;
	if (!value_append(p->lexer.arena, object, key, value))
		return err_set_memory(p->lexer.err);
	return 0;
}

/* Members up to the token that ends them, or the text; commas are optional. */
static int
parse_members(struct parser *p, struct value *object, enum hcl_token_type end)
{
	int rc = 0;

	while (rc == 0 && p->lexer.token.type != end &&
		p->lexer.token.type != HCL_END) {
		rc = parse_member(p, object);
		if (rc == 0 && p->lexer.token.type == HCL_COMMA)
			rc = hcl_lex_next(&p->lexer);
	}
	return rc;
}

static int
parse_json(struct parser *p, struct value **ret_document)
{
	const struct json_limits limits = {
		.depth = HCL_DEPTH_MAX,
		.strings = HCL_NODES_MAX,
		.keys = HCL_NODES_MAX,
		.nodes = HCL_NODES_MAX,
	};
	struct err err = { 0 };
	int rc;

	rc = json_parse(
		p->lexer.text, &limits, p->lexer.arena, ret_document, &err);
	if (rc == ERR_MEMORY)
		return err_set_memory(p->lexer.err);
	if (rc != 0)
		return err_set(
			p->lexer.err, ERR_INPUT, 400, "At %s", err.detail);
	return 0;
}

int
hcl_parse(struct span text, struct arena *arena, struct value **ret_document,
	struct err *err)
{
	struct parser p = { 0 };
	struct value *document = NULL;
	int rc;

	rc = hcl_lex_start(&p.lexer, text, arena, err);
	if (rc == 0)
		rc = hcl_lex_next(&p.lexer);
	if (rc != 0)
		return rc;
	/* No HCL document begins so: it is JSON. */
	if (p.lexer.token.type == HCL_OBJECT)
		return parse_json(&p, ret_document);
	rc = count_value(&p, value_object(arena), 1, &document);
	if (rc == 0)
		rc = parse_members(&p, document, HCL_END);
	if (rc == 0)
		*ret_document = document;
	return rc;
}
