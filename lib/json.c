/*
 * JSON in three steps: a scan that counts what the text would cost, jansson
 * for the grammar, and a walk that moves its tree into the arena. jansson
 * turns numbers into machine types, so the walk takes each number's text from
 * the source: the n-th number met is the n-th in the text, since jansson keeps
 * members in order and refuses repeated ones.
 */
#include "lib/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/random.h"
#include "lib/secret.h"

const struct json_limits json_limits_request = {
	.depth = 16,
	.strings = 1000,
	.keys = 1000,
	.nodes = 4000,
};

const struct json_limits json_limits_trusted = {
	.depth = 64,
	.strings = 1000000,
	.keys = 1000000,
	.nodes = 1000000,
};

/* Each block remembers its length in front, so that freeing can wipe it. */
union block {
	size_t len;
	max_align_t align;
};

/*
 * jansson often takes a failed allocation for bad syntax, and a string that
 * could not grow for its whole; this tells.
 */
static _Thread_local bool out_of_memory;

static void *
wiping_malloc(size_t len)
{
	union block *block = NULL;
	size_t total;

	if (size_add(len, sizeof(*block), &total))
		block = malloc(total);
	if (block == NULL) {
		out_of_memory = true;
		return NULL;
	}
	block->len = len;
	return block + 1;
}

static void
wiping_free(void *memory)
{
	union block *block = memory;

	if (block == NULL)
		return;
	block--;
	secret_wipe(block + 1, block->len);
	free(block);
}

static void
setup(void)
{
	size_t seed;

	json_set_alloc_funcs(wiping_malloc, wiping_free);
	random_bytes(&seed, sizeof(seed));
	json_object_seed(seed | 1);
}

void
json_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, setup);
}

/* Detail says where and why; never what stood there. */
static int
refuse(struct err *err, int code, struct span text, size_t offset,
	const char *why)
{
	size_t line = 1, column = 1, i;

	if (err == NULL || err->code != 0)
		return code;
	for (i = 0; i < offset && i < text.len; i++, column++) {
		if (text.data[i] == '\n') {
			line++;
			column = 0;
		}
	}
	err_set(err, code, 400, "error parsing JSON");
	return err_wrap(err, "%zu:%zu: %s", line, column, why);
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether c ends a number or a literal. */
static bool
is_structural(uint8_t c)
{
	return is_blank(c) || strchr("\"{}[]:,", c) != NULL;
}

/* The offset behind a string whose opening quote stands at i. */
static size_t
string_end(struct span text, size_t i)
{
	for (i++; i < text.len; i++) {
		if (text.data[i] == '\\')
			i++;
		else if (text.data[i] == '"')
			return i + 1;
	}
	return text.len;
}

static size_t
scalar_end(struct span text, size_t i)
{
	while (i < text.len && !is_structural(text.data[i]))
		i++;
	return i;
}

/* A string is a name where a colon follows it. */
static bool
colon_follows(struct span text, size_t i)
{
	while (i < text.len && is_blank(text.data[i]))
		i++;
	return i < text.len && text.data[i] == ':';
}

/* Count the token at i; returns the offset behind it. */
static size_t
count_token(struct span text, size_t i, size_t *depth, struct json_limits *n)
{
	switch (text.data[i]) {
	case '"':
		i = string_end(text, i);
		if (colon_follows(text, i)) {
			n->keys++;
		} else {
			n->strings++;
			n->nodes++;
		}
		return i;
	case '{':
	case '[':
		n->nodes++;
		if (++*depth > n->depth)
			n->depth = *depth;
		return i + 1;
	case '}':
	case ']':
		if (*depth > 0)
			--*depth;
		return i + 1;
	default:
		if (is_structural(text.data[i]))
			return i + 1;
		n->nodes++;
		return scalar_end(text, i);
	}
}

/* The first bound that is passed, in words; NULL: none. */
static const char *
passed_bound(const struct json_limits *n, const struct json_limits *limits)
{
	if (n->depth > limits->depth)
		return "too deep";
	if (n->strings > limits->strings)
		return "too many strings";
	if (n->keys > limits->keys)
		return "too many keys";
	return n->nodes > limits->nodes ? "too many values" : NULL;
}

int
json_scan(struct span text, const struct json_limits *limits, struct err *err)
{
	struct json_limits n = { 0 };
	size_t depth = 0, i = 0;

	while (i < text.len) {
		const char *why = NULL;

		i = count_token(text, i, &depth, &n);
		why = passed_bound(&n, limits);
		if (why != NULL)
			return refuse(err, ERR_LIMIT, text, i, why);
	}
	return 0;
}

struct reader {
	struct arena *arena;
	struct span text;
	size_t at; /* behind the last number taken */
};

/* The text of the next number: the next digit or minus outside a string. */
static struct span
next_number(struct reader *reader)
{
	struct span text = reader->text;
	size_t i = reader->at, end;

	while (i < text.len && text.data[i] != '-' &&
		(text.data[i] < '0' || text.data[i] > '9'))
		i = text.data[i] == '"' ? string_end(text, i) : i + 1;
	end = scalar_end(text, i);
	reader->at = end;
	return span_of(text.data + i, end - i);
}

static struct value *take_tree(struct reader *reader, json_t *json);

static struct value *
take_list(struct reader *reader, const json_t *json)
{
	struct value *list = value_list(reader->arena);
	size_t i;

	for (i = 0; i < json_array_size(json); i++) {
		if (!value_add(
			    list, take_tree(reader, json_array_get(json, i))))
			return NULL;
	}
	return list;
}

static struct value *
take_object(struct reader *reader, json_t *json)
{
	struct value *object = value_object(reader->arena);
	const char *key = NULL;
	json_t *member = NULL;

	json_object_foreach(json, key, member)
	{
		if (!value_append(reader->arena, object, key,
			    take_tree(reader, member)))
			return NULL;
	}
	return object;
}

/* Recursive as deep as json_scan let the text be. */
static struct value *
take_tree(struct reader *reader, json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return take_object(reader, json);
	case JSON_ARRAY:
		return take_list(reader, json);
	case JSON_STRING:
		return value_span(reader->arena,
			span_of(json_string_value(json),
				json_string_length(json)));
	case JSON_INTEGER:
	case JSON_REAL:
		return value_number(reader->arena, next_number(reader));
	case JSON_TRUE:
	case JSON_FALSE:
		return value_bool(reader->arena, json_is_true(json));
	case JSON_NULL:
	default:
		return value_null(reader->arena);
	}
}

/* Our own words: jansson's quote the text, which may hold a secret. */
static int
refuse_syntax(struct err *err, struct span text, const json_error_t *error)
{
	const char *why = "invalid syntax";

	if (out_of_memory)
		return err_set_memory(err);
	switch (json_error_code(error)) {
	case json_error_out_of_memory:
		return err_set_memory(err);
	case json_error_duplicate_key:
		why = "duplicate key";
		break;
	case json_error_invalid_utf8:
		why = "invalid UTF-8";
		break;
	case json_error_premature_end_of_input:
		why = "text ends too early";
		break;
	case json_error_end_of_input_expected:
		why = "bytes behind the value";
		break;
	case json_error_numeric_overflow:
		why = "number out of range";
		break;
	default:
		break;
	}
	return refuse(err, ERR_INPUT, text, (size_t)error->position, why);
}

int
json_parse(struct span text, const struct json_limits *limits,
	struct arena *arena, struct value **ret_value, struct err *err)
{
	const size_t flags =
		JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
	struct reader reader = { .arena = arena, .text = text };
	struct value *value = NULL;
	const uint8_t *nul = NULL;
	json_error_t error;
	json_t *json = NULL;
	int rc;

	rc = json_scan(text, limits, err);
	if (rc != 0)
		return rc;
	/* jansson takes a NUL behind the value for the text's end. */
	if (text.len > 0)
		nul = memchr(text.data, '\0', text.len);
	if (nul != NULL)
		return refuse(err, ERR_INPUT, text, (size_t)(nul - text.data),
			"invalid syntax");
	out_of_memory = false;
	/* An empty span may point nowhere, which jansson does not take. */
	json = json_loadb(text.len > 0 ? (const char *)text.data : "", text.len,
		flags, &error);
	if (json == NULL)
		return refuse_syntax(err, text, &error);
	if (!out_of_memory)
		value = take_tree(&reader, json);
	json_decref(json);
	if (value == NULL)
		return err_set_memory(err);
	*ret_value = value;
	return 0;
}
