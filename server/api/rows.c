/* The walk over tables, and small questions about rows. */
#include "server/api/rows.h"

#include <string.h>

const struct op *
rows_next(const struct mount_type *type, struct rows_at *at)
{
	const struct op *op = NULL;

	while (type->tables[at->table] != NULL) {
		op = &type->tables[at->table][at->row];
		if (op->path != NULL) {
			at->row++;
			return op;
		}
		at->table++;
		at->row = 0;
	}
	return NULL;
}

/* Whether op is the first row of its path. */
static bool
is_first(const struct mount_type *type, const struct op *op)
{
	struct rows_at at = { 0 };
	const struct op *other = NULL;

	while ((other = rows_next(type, &at)) != NULL && other != op) {
		if (strcmp(other->path, op->path) == 0)
			return false;
	}
	return true;
}

const struct op *
rows_next_path(const struct mount_type *type, struct rows_at *at)
{
	const struct op *op = NULL;

	while ((op = rows_next(type, at)) != NULL) {
		if (is_first(type, op))
			return op;
	}
	return NULL;
}

void
rows_of_path(const struct mount_type *type, const char *path,
	const struct op *ret_ops[OP_VERB_COUNT])
{
	struct rows_at at = { 0 };
	const struct op *op = NULL;

	memset(ret_ops, 0, OP_VERB_COUNT * sizeof(const struct op *));
	while ((op = rows_next(type, &at)) != NULL) {
		if (strcmp(op->path, path) == 0)
			ret_ops[op->verb] = op;
	}
}

bool
rows_next_capture(const char **path, struct span *ret_name)
{
	const char *colon = strchr(*path, ':');

	if (colon == NULL)
		return false;
	*ret_name = span_of(colon + 1, strcspn(colon + 1, "/"));
	*path = colon + 1 + ret_name->len;
	return true;
}

const struct field *
rows_field(const struct field *fields, struct span name)
{
	size_t i;

	for (i = 0; fields != NULL && fields[i].name != NULL; i++) {
		if (span_equal(span_str(fields[i].name), name))
			return &fields[i];
	}
	return NULL;
}

bool
rows_shows(const struct op *op, const struct field *field)
{
	const char *path = op->path;
	struct span name;

	if ((field->flags & (FIELD_HIDDEN | FIELD_STORED)) != 0)
		return false;
	while (rows_next_capture(&path, &name)) {
		if (span_equal(span_str(field->name), name))
			return false;
	}
	return true;
}
