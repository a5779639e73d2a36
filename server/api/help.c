/* ?help=1, in the form that the command "path-help" prints. */
#include "server/api/help.h"

#include <stdlib.h>
#include <string.h>

#include "server/api/bind.h"
#include "server/api/route.h"
#include "server/api/rows.h"

#define PARAMETERS_MAX 128

/* A parameter of a path, whichever of its rows has it. */
struct parameter {
	struct span name;
	const char *type, *doc;
};

struct parameters {
	struct parameter items[PARAMETERS_MAX];
	size_t n;
};

static const char *const type_names[] = {
	[FIELD_TYPE_STR] = "string",
	[FIELD_TYPE_INT] = "int",
	[FIELD_TYPE_BOOL] = "bool",
	[FIELD_TYPE_DURATION] = "duration (sec)",
	[FIELD_TYPE_LIST] = "slice",
	[FIELD_TYPE_NAMES] = "slice",
	[FIELD_TYPE_MAP] = "keypair",
	[FIELD_TYPE_OBJECT] = "map",
	[FIELD_TYPE_SECRET] = "string",
};

/* Each line of text behind so many blanks, and a newline at the end. */
static void
add_indented(struct buf *out, int indent, const char *text)
{
	size_t len;

	while (*text != '\0') {
		len = strcspn(text, "\n");
		(void)buf_addf(out, "%*s%.*s\n", indent, "", (int)len, text);
		text += len;
		if (*text == '\n')
			text++;
	}
}

static void
put_parameter(struct parameters *list, struct span name, const char *type,
	const char *doc)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (span_equal(list->items[i].name, name))
			return;
	}
	if (list->n < PARAMETERS_MAX)
		list->items[list->n++] = (struct parameter){ name, type, doc };
}

static void
collect(struct parameters *list, const struct op *op)
{
	size_t size, i;
	const struct field *fields = bind_fields(op, &size), *field = NULL;
	const char *path = op->path;
	struct span name;

	while (rows_next_capture(&path, &name)) {
		field = rows_field(fields, name);
		put_parameter(list, name, "string",
			field != NULL ? field->doc : "Part of the path.");
	}
	for (i = 0; fields != NULL && fields[i].name != NULL; i++) {
		if (rows_shows(op, &fields[i]))
			put_parameter(list, span_str(fields[i].name),
				type_names[fields[i].type], fields[i].doc);
	}
}

static int
compare_parameters(const void *a, const void *b)
{
	const struct parameter *left = a, *right = b;

	return span_compare(left->name, right->name);
}

static void
add_parameters(struct buf *out, struct parameters *list)
{
	const struct parameter *item = NULL;
	size_t i;

	if (list->n == 0)
		return;
	qsort(list->items, list->n, sizeof(list->items[0]), compare_parameters);
	(void)buf_add_str(out, "## PARAMETERS\n");
	for (i = 0; i < list->n; i++) {
		item = &list->items[i];
		(void)buf_addf(out, "\n    %.*s (%s)\n", (int)item->name.len,
			(const char *)item->name.data, item->type);
		add_indented(out, 8, item->doc);
	}
	(void)buf_add_char(out, '\n');
}

static void
add_description(struct buf *out, const struct op *op)
{
	size_t i;

	add_indented(out, 0, op->summary);
	if (op->text != NULL)
		add_indented(out, 0, op->text);
	for (i = 0; i < OP_ERRORS_MAX && op->errors[i].when != NULL; i++)
		(void)buf_addf(out, "    %d: %s\n", op->errors[i].status,
			op->errors[i].when);
}

static int
help_path(struct arena *arena, const struct mount_type *type,
	const struct op *op, const char *request_path, struct buf *out,
	struct err *err)
{
	struct parameters *list = ARENA_NEW(arena, struct parameters);
	const struct op *ops[OP_VERB_COUNT];
	size_t verb;

	if (list == NULL)
		return err_set_memory(err);
	rows_of_path(type, op->path, ops);
	(void)buf_addf(
		out, "Request:        %s\nMatching Route: ", request_path);
	route_regexp(op, out);
	(void)buf_add_str(out, "\n\n");
	add_indented(out, 0, op->summary);
	(void)buf_add_char(out, '\n');
	for (verb = 0; verb < OP_VERB_COUNT; verb++) {
		if (ops[verb] != NULL)
			collect(list, ops[verb]);
	}
	add_parameters(out, list);
	(void)buf_add_str(out, "## DESCRIPTION\n\n");
	for (verb = 0; verb < OP_VERB_COUNT; verb++) {
		if (ops[verb] != NULL)
			add_description(out, ops[verb]);
	}
	return buf_check(out, err);
}

static int
help_root(const struct mount_type *type, struct buf *out, struct err *err)
{
	struct rows_at at = { 0 };
	const struct op *op = NULL;

	(void)buf_addf(out,
		"## DESCRIPTION\n\n%s\n\n## PATHS\n\n"
		"The following paths are supported by this backend. To view help for\n"
		"any of the paths below, use the help command with any route matching\n"
		"the path pattern. Note that depending on the policy of your auth token,\n"
		"you may or may not be able to access certain paths.\n\n",
		type->description);
	while ((op = rows_next_path(type, &at)) != NULL) {
		(void)buf_add_str(out, "    ");
		route_regexp(op, out);
		(void)buf_add_char(out, '\n');
		add_indented(out, 8, op->summary);
		(void)buf_add_char(out, '\n');
	}
	return buf_check(out, err);
}

int
help_text(struct arena *arena, const struct mount_type *type,
	const struct op *op, const char *request_path, struct buf *out,
	struct err *err)
{
	if (op == NULL)
		return help_root(type, out, err);
	return help_path(arena, type, op, request_path, out, err);
}
