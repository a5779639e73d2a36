/* JSON bodies, forms and queries as one kind of value tree. */
#include "server/api/input.h"

#include <string.h>

#include "lib/codec.h"
#include "lib/json.h"
#include "server/api/bind.h"

#define FORM_PAIRS_MAX 1000

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span
skip_blanks(struct span text)
{
	while (text.len > 0 && is_blank(text.data[0]))
		text = span_skip(text, 1);
	return text;
}

/* A form only by its media type and only where no JSON begins. */
static bool
is_form(const struct req *req)
{
	struct span text = skip_blanks(req->body);

	return req->body_is_form && text.len > 0 && text.data[0] != '{' &&
		text.data[0] != '[';
}

static int
refuse_json(bool bare, const char *detail, struct err *err)
{
	if (!bare)
		return err_set(err, ERR_INPUT, 400, "error parsing JSON");
	return err_set(err, ERR_INPUT, 400,
		"failed to parse JSON input: %.200s", detail);
}

int
input_scan(const struct req *req, bool bare, struct err *err)
{
	struct err why = { 0 };
	int rc;

	if (req->verb != OP_UPDATE || is_form(req))
		return 0;
	rc = json_scan(req->body, &json_limits_request, &why);
	return rc != 0 ? refuse_json(bare, why.detail, err) : 0;
}

static int
read_json(struct req *req, bool bare, struct err *err)
{
	struct value *value = NULL;
	struct err why = { 0 };
	int rc;

	if (skip_blanks(req->body).len == 0)
		return bare ? err_set(err, ERR_INPUT, 400, "EOF") : 0;
	rc = json_parse(
		req->body, &json_limits_request, req->arena, &value, &why);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc != 0)
		return refuse_json(bare, why.detail, err);
	if (value->type == VALUE_NULL)
		return 0;
	if (value->type != VALUE_OBJECT)
		return refuse_json(bare, "json: expected an object", err);
	req->data = value;
	return 0;
}

static bool
is_utf8(struct span text)
{
	size_t len;

	for (; text.len > 0; text = span_skip(text, len)) {
		len = span_utf8_len(text);
		if (len == 0)
			return false;
	}
	return true;
}

/* Percent signs and pluses taken out of one form key or value. */
static int
decode_form(struct span text, struct arena *arena, const char **ret_text)
{
	uint8_t *out = arena_alloc(arena, text.len + 1, 1);
	size_t i, n = 0, len;

	if (out == NULL)
		return ERR_MEMORY;
	for (i = 0; i < text.len; i++, n++) {
		if (text.data[i] == '%') {
			if (i + 2 >= text.len ||
				hex_decode(span_of(text.data + i + 1, 2),
					out + n, 1, &len) != 0)
				return ERR_INPUT;
			i += 2;
		} else {
			out[n] = text.data[i] == '+' ? ' ' : text.data[i];
		}
		if (out[n] == '\0')
			return ERR_INPUT;
	}
	*ret_text = (const char *)out;
	return is_utf8(span_of(out, n)) ? 0 : ERR_INPUT;
}

/* A repeated key's values become one text, joined by commas. */
static int
put_form_pair(struct req *req, const char *key, const char *text)
{
	const char *before = value_find_str(req->data, key, NULL);

	if (before != NULL)
		text = arena_printf(req->arena, "%s,%s", before, text);
	if (text == NULL || !value_set_str(req->arena, req->data, key, text))
		return ERR_MEMORY;
	return 0;
}

static int
read_form_pair(struct req *req, struct span pair)
{
	const uint8_t *equals = memchr(pair.data, '=', pair.len);
	const char *key = NULL, *text = NULL;
	struct span left = pair, right = SPAN_NONE;
	int rc;

	if (equals != NULL) {
		left.len = (size_t)(equals - pair.data);
		right = span_skip(pair, left.len + 1);
	}
	rc = decode_form(left, req->arena, &key);
	if (rc == 0)
		rc = decode_form(right, req->arena, &text);
	return rc != 0 ? rc : put_form_pair(req, key, text);
}

static int
read_form(struct req *req, struct err *err)
{
	struct span left = req->body, pair;
	const uint8_t *end = NULL;
	size_t n;
	int rc = 0;

	req->data = value_object(req->arena);
	if (req->data == NULL)
		return err_set_memory(err);
	for (n = 0; rc == 0 && left.len > 0; n++) {
		end = memchr(left.data, '&', left.len);
		pair = left;
		if (end != NULL)
			pair.len = (size_t)(end - left.data);
		left = span_skip(left, pair.len + 1);
		if (n == FORM_PAIRS_MAX)
			rc = ERR_LIMIT;
		else if (pair.len > 0)
			rc = read_form_pair(req, pair);
	}
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	return rc != 0 ? err_set(err, ERR_INPUT, 400, "error parsing form data")
		       : 0;
}

/* The first value of a key stays a string; a second makes it a list. */
static bool
put_query_pair(struct req *req, const struct req_pair *pair)
{
	struct arena *arena = req->arena;
	struct value *text = value_string(arena, pair->value);
	struct value *before = value_find(req->data, pair->name);
	struct value *list = NULL, *first = NULL;

	if (before == NULL)
		return value_append(arena, req->data, pair->name, text);
	if (before->type == VALUE_LIST)
		return value_add(before, text);
	list = value_list(arena);
	first = value_copy(arena, before);
	return value_add(list, first) && value_add(list, text) &&
		value_set(arena, req->data, pair->name, list);
}

/* Whether a query parameter is data of this request: of a list its fields. */
static bool
takes_param(const struct req *req, const char *name)
{
	const struct field *field = NULL;
	size_t size;

	if (req->verb != OP_LIST)
		return strcmp(name, "help") != 0 && strcmp(name, "list") != 0;
	if (req->op == NULL)
		return false;
	for (field = bind_fields(req->op, &size);
		field != NULL && field->name != NULL; field++) {
		if (strcmp(name, field->name) == 0)
			return true;
	}
	return false;
}

static int
read_query(struct req *req, struct err *err)
{
	size_t i;

	for (i = 0; i < req->n_query; i++) {
		if (!takes_param(req, req->query[i].name))
			continue;
		if (req->data == NULL)
			req->data = value_object(req->arena);
		if (req->data == NULL || !put_query_pair(req, &req->query[i]))
			return err_set_memory(err);
	}
	return 0;
}

int
input_read(struct req *req, bool bare, struct err *err)
{
	if (req->verb != OP_UPDATE)
		return read_query(req, err);
	if (is_form(req))
		return read_form(req, err);
	return read_json(req, bare, err);
}
