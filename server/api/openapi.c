/* Rows as an OpenAPI 3.0.2 document. */
#include "server/api/bind.h"
#include "server/api/help.h"
#include "server/api/rows.h"

#include <string.h>

/* What is being printed; ok turns false when memory ran out. */
struct doc {
	struct arena *arena;
	bool ok;
};

static struct value *
object(struct doc *doc)
{
	return value_object(doc->arena);
}

static void
put(struct doc *doc, struct value *into, const char *key, struct value *value)
{
	doc->ok = value_set(doc->arena, into, key, value) && doc->ok;
}

static void
put_str(struct doc *doc, struct value *into, const char *key, const char *text)
{
	put(doc, into, key, value_string(doc->arena, text));
}

static void
put_bool(struct doc *doc, struct value *into, const char *key, bool on)
{
	put(doc, into, key, value_bool(doc->arena, on));
}

static void
append(struct doc *doc, struct value *list, struct value *value)
{
	doc->ok = value_add(list, value) && doc->ok;
}

/* ---- schemas --------------------------------------------------------- */

static const struct {
	const char *type, *format, *items;
} schemas[] = {
	[FIELD_TYPE_STR] = { "string", NULL, NULL },
	[FIELD_TYPE_INT] = { "integer", NULL, NULL },
	[FIELD_TYPE_BOOL] = { "boolean", NULL, NULL },
	[FIELD_TYPE_DURATION] = { "integer", "seconds", NULL },
	[FIELD_TYPE_LIST] = { "array", NULL, "string" },
	[FIELD_TYPE_NAMES] = { "array", NULL, "string" },
	[FIELD_TYPE_MAP] = { "object", "kvpairs", NULL },
	[FIELD_TYPE_OBJECT] = { "object", "map", NULL },
	[FIELD_TYPE_SECRET] = { "string", NULL, NULL },
};

static struct value *
type_schema(struct doc *doc, enum field_type type)
{
	struct value *schema = object(doc), *items = NULL;

	put_str(doc, schema, "type", schemas[type].type);
	if (schemas[type].format != NULL)
		put_str(doc, schema, "format", schemas[type].format);
	if (schemas[type].items != NULL) {
		items = object(doc);
		put_str(doc, items, "type", schemas[type].items);
		put(doc, schema, "items", items);
	}
	return schema;
}

static struct value *
field_schema(struct doc *doc, const struct field *field)
{
	struct value *schema = type_schema(doc, field->type);

	put_str(doc, schema, "description", field->doc);
	if ((field->type == FIELD_TYPE_INT ||
		    field->type == FIELD_TYPE_DURATION) &&
		(field->min != 0 || field->max != 0)) {
		put(doc, schema, "minimum", value_int(doc->arena, field->min));
		if (field->max != 0)
			put(doc, schema, "maximum",
				value_int(doc->arena, field->max));
	}
	if ((field->type == FIELD_TYPE_STR ||
		    field->type == FIELD_TYPE_SECRET) &&
		field->len_max != 0)
		put(doc, schema, "maxLength",
			value_int(doc->arena, (int64_t)field->len_max));
	if (field->initial != NULL)
		put_str(doc, schema, "default", field->initial);
	if (field->type == FIELD_TYPE_SECRET)
		put_str(doc, schema, "format", "password");
	if ((field->flags & FIELD_JSON) != 0)
		put_str(doc, schema, "format", "json");
	return schema;
}

/* ---- parameters and bodies ------------------------------------------- */

static struct value *
parameter(struct doc *doc, const char *name, const char *in, bool required,
	const char *text, struct value *schema)
{
	struct value *item = object(doc);

	put_str(doc, item, "name", name);
	put_str(doc, item, "in", in);
	put_str(doc, item, "description", text);
	if (required)
		put_bool(doc, item, "required", true);
	put(doc, item, "schema", schema);
	return item;
}

static struct value *
path_parameters(struct doc *doc, const struct op *op)
{
	struct value *list = value_list(doc->arena);
	size_t size;
	const struct field *fields = bind_fields(op, &size), *field = NULL;
	const char *path = op->path;
	struct span name;

	while (rows_next_capture(&path, &name)) {
		field = rows_field(fields, name);
		append(doc, list,
			parameter(doc,
				arena_strndup(doc->arena, name.data, name.len),
				"path", true,
				field != NULL ? field->doc
					      : "Part of the path.",
				type_schema(doc, FIELD_TYPE_STR)));
	}
	return list;
}

static void
add_query(struct doc *doc, const struct op *op, struct value *list)
{
	size_t size, i;
	const struct field *fields = bind_fields(op, &size);

	for (i = 0; fields != NULL && fields[i].name != NULL; i++) {
		if (rows_shows(op, &fields[i]))
			append(doc, list,
				parameter(doc, fields[i].name, "query",
					(fields[i].flags & FIELD_REQUIRED) != 0,
					fields[i].doc,
					type_schema(doc, fields[i].type)));
	}
}

static void
add_list_parameter(struct doc *doc, struct value *list, bool required)
{
	struct value *schema = type_schema(doc, FIELD_TYPE_STR);
	struct value *only = value_list(doc->arena);

	append(doc, only, value_string(doc->arena, "true"));
	put(doc, schema, "enum", only);
	append(doc, list,
		parameter(doc, "list", "query", required,
			"Must be \"true\" for a list.", schema));
}

static struct value *
json_content(struct doc *doc, struct value *schema)
{
	struct value *content = object(doc), *media = object(doc);
	struct value *body = object(doc);

	put(doc, media, "schema", schema);
	put(doc, content, "application/json", media);
	put(doc, body, "content", content);
	return body;
}

static struct value *
request_body(struct doc *doc, const struct op *op)
{
	struct value *schema = object(doc), *members = object(doc);
	struct value *required = value_list(doc->arena);
	size_t size, i;
	const struct field *fields = bind_fields(op, &size);

	put_str(doc, schema, "type", "object");
	for (i = 0; fields != NULL && fields[i].name != NULL; i++) {
		if (!rows_shows(op, &fields[i]))
			continue;
		put(doc, members, fields[i].name,
			field_schema(doc, &fields[i]));
		if ((fields[i].flags & FIELD_REQUIRED) != 0)
			append(doc, required,
				value_string(doc->arena, fields[i].name));
	}
	put(doc, schema, "properties", members);
	if (required != NULL && required->n > 0)
		put(doc, schema, "required", required);
	return members != NULL && members->n > 0 ? json_content(doc, schema)
						 : NULL;
}

/* ---- answers --------------------------------------------------------- */

static struct value *
out_schema(struct doc *doc, const struct op_out *out)
{
	struct value *schema = object(doc), *members = object(doc);
	struct value *member = NULL;

	put_str(doc, schema, "type", "object");
	for (; out->name != NULL; out++) {
		member = type_schema(doc, out->type);
		put_str(doc, member, "description", out->doc);
		put(doc, members, out->name, member);
	}
	put(doc, schema, "properties", members);
	return schema;
}

static struct value *
responses(struct doc *doc, const struct op *op)
{
	struct value *all = object(doc), *one = NULL;
	bool silent = op->out == NULL &&
		(op->verb == OP_UPDATE || op->verb == OP_DELETE);
	size_t i;

	one = op->out != NULL ? json_content(doc, out_schema(doc, op->out))
			      : object(doc);
	put_str(doc, one, "description", silent ? "empty body" : "OK");
	put(doc, all, silent ? "204" : "200", one);
	for (i = 0; i < OP_ERRORS_MAX && op->errors[i].when != NULL; i++) {
		one = object(doc);
		put_str(doc, one, "description", op->errors[i].when);
		put(doc, all,
			arena_printf(doc->arena, "%d", op->errors[i].status),
			one);
	}
	return all;
}

/* ---- operations and paths -------------------------------------------- */

/* What a row says that has no place in OpenAPI. */
static const struct {
	unsigned flag;
	const char *name;
} flag_names[] = {
	{ OP_UNAUTHENTICATED, "unauthenticated" },
	{ OP_WRAPPING, "wrapping" },
	{ OP_SUDO, "sudo" },
	{ OP_UNAUDITED, "unaudited" },
	{ OP_WHILE_SEALED, "while-sealed" },
	{ OP_BARE, "bare" },
	{ OP_RAW, "raw" },
	{ OP_REST, "rest" },
	{ OP_SMALL_BODY, "small-body" },
};

static void
put_flags(struct doc *doc, const struct op *op, struct value *item)
{
	struct value *list = value_list(doc->arena);
	size_t i;

	for (i = 0; i < ARRAY_LEN(flag_names); i++) {
		if ((op->flags & flag_names[i].flag) != 0)
			append(doc, list,
				value_string(doc->arena, flag_names[i].name));
	}
	if (list != NULL && list->n > 0)
		put(doc, item, "x-sallyport-flags", list);
}

static struct value *
operation(struct doc *doc, const struct op *op, const struct op *list_op)
{
	struct value *item = object(doc), *parameters = NULL, *body = NULL;

	put_str(doc, item, "summary", op->summary);
	if (op->text != NULL)
		put_str(doc, item, "description", op->text);
	if (op->alias_of != NULL)
		put_bool(doc, item, "deprecated", true);
	put_flags(doc, op, item);
	if (op->verb == OP_UPDATE) {
		body = request_body(doc, op);
		if (body != NULL)
			put(doc, item, "requestBody", body);
	} else {
		parameters = value_list(doc->arena);
		add_query(doc, op, parameters);
		if (list_op != NULL)
			add_list_parameter(doc, parameters, list_op == op);
		if (parameters != NULL && parameters->n > 0)
			put(doc, item, "parameters", parameters);
	}
	put(doc, item, "responses", responses(doc, op));
	return item;
}

static struct value *
path_item(struct doc *doc, const struct mount_type *type, const struct op *op)
{
	struct value *item = object(doc), *parameters = NULL;
	const struct op *ops[OP_VERB_COUNT], *get = NULL;

	rows_of_path(type, op->path, ops);
	get = ops[OP_READ] != NULL ? ops[OP_READ] : ops[OP_LIST];
	put_str(doc, item, "description", op->summary);
	parameters = path_parameters(doc, op);
	if (parameters != NULL && parameters->n > 0)
		put(doc, item, "parameters", parameters);
	if ((op->flags & OP_UNAUTHENTICATED) != 0)
		put_bool(doc, item, "x-vault-unauthenticated", true);
	if ((op->flags & OP_SUDO) != 0)
		put_bool(doc, item, "x-vault-sudo", true);
	if (get != NULL)
		put(doc, item, "get", operation(doc, get, ops[OP_LIST]));
	if (ops[OP_UPDATE] != NULL)
		put(doc, item, "post", operation(doc, ops[OP_UPDATE], NULL));
	if (ops[OP_DELETE] != NULL)
		put(doc, item, "delete", operation(doc, ops[OP_DELETE], NULL));
	return item;
}

/* "/ssh/roles/{role}"; NULL: no memory. */
static const char *
template_of(struct doc *doc, const char *mount, const char *path)
{
	char *out = arena_alloc(
		doc->arena, strlen(mount) + 2 * strlen(path) + 2, 1);
	char *at = out;
	bool inside = false;

	if (out == NULL)
		return NULL;
	*at++ = '/';
	at = mempcpy(at, mount, strlen(mount));
	for (; *path != '\0'; path++) {
		if (inside && *path == '/') {
			*at++ = '}';
			inside = false;
		}
		inside = inside || *path == ':';
		*at++ = *path == ':' ? '{' : *path;
	}
	if (inside)
		*at++ = '}';
	*at = '\0';
	return out;
}

static void
add_mount(struct doc *doc, struct value *paths,
	const struct openapi_mount *mount, const struct op *only)
{
	struct rows_at at = { 0 };
	const struct op *op = NULL;

	while ((op = rows_next_path(mount->type, &at)) != NULL) {
		if (only != NULL && strcmp(op->path, only->path) != 0)
			continue;
		put(doc, paths, template_of(doc, mount->path, op->path),
			path_item(doc, mount->type, op));
	}
}

static void
add_info(struct doc *doc, struct value *document)
{
	struct value *info = object(doc), *license = object(doc);

	put_str(doc, info, "title", "Sallyport API");
	put_str(doc, info, "description",
		"HTTP API that gives access to hosts over SSH. All paths lie below /v1/.");
	put_str(doc, info, "version", SALLYPORT_API_VERSION);
	put_str(doc, license, "name", "Apache-2.0");
	put_str(doc, license, "url",
		"https://www.apache.org/licenses/LICENSE-2.0");
	put(doc, info, "license", license);
	put_str(doc, document, "openapi", "3.0.2");
	put(doc, document, "info", info);
}

static struct value *
make_document(struct arena *arena, const struct openapi_mount *mounts, size_t n,
	const struct op *only)
{
	struct doc doc = { .arena = arena, .ok = true };
	struct value *document = object(&doc), *paths = object(&doc);
	size_t i;

	add_info(&doc, document);
	for (i = 0; i < n; i++)
		add_mount(&doc, paths, &mounts[i], only);
	put(&doc, document, "paths", paths);
	return doc.ok ? document : NULL;
}

struct value *
openapi_document(
	struct arena *arena, const struct openapi_mount *mounts, size_t n)
{
	return make_document(arena, mounts, n, NULL);
}

struct value *
openapi_one(struct arena *arena, const struct openapi_mount *mount,
	const struct op *op)
{
	return make_document(arena, mount, 1, op);
}
