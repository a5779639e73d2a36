/* The reference page of a mount type, in Markdown. */
#include "server/api/help.h"

#include <string.h>

#include "server/api/bind.h"
#include "server/api/rows.h"

static const char *const methods[OP_VERB_COUNT] = {
	[OP_READ] = "GET",
	[OP_LIST] = "LIST",
	[OP_UPDATE] = "POST",
	[OP_DELETE] = "DELETE",
};

static const char *const type_names[] = {
	[FIELD_TYPE_STR] = "string",
	[FIELD_TYPE_INT] = "integer",
	[FIELD_TYPE_BOOL] = "boolean",
	[FIELD_TYPE_DURATION] = "duration",
	[FIELD_TYPE_LIST] = "list, or comma string",
	[FIELD_TYPE_NAMES] = "list",
	[FIELD_TYPE_MAP] = "object of strings",
	[FIELD_TYPE_OBJECT] = "object",
	[FIELD_TYPE_SECRET] = "string, secret",
};

/* What a reader should know about who may call and when. */
static const struct {
	unsigned flag;
	const char *text;
} notes[] = {
	{ OP_UNAUTHENTICATED, "No token is needed." },
	{ OP_SUDO, "Needs `sudo` on top of the operation's capability." },
	{ OP_WHILE_SEALED, "Also answers while the server is sealed." },
	{ OP_UNAUDITED, "Not in the audit log." },
	{ OP_BARE, "Answers with a bare object, without the envelope." },
	{ OP_RAW,
		"Answers with plain text and an ETag, without the envelope; never wrapped." },
	{ OP_DOUBLED, "Members of `data` also stand beside the envelope." },
};

static void
add_cell(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, *text == '\n' ? ' ' : *text);
	}
}

static void
add_field(struct buf *out, const struct field *field)
{
	(void)buf_addf(out, "| `%s`", field->name);
	if (field->alias != NULL)
		(void)buf_addf(out, " (`%s`)", field->alias);
	(void)buf_addf(out, " | %s | ", type_names[field->type]);
	if ((field->flags & FIELD_REQUIRED) != 0)
		(void)buf_add_str(out, "required");
	else if (field->initial != NULL && field->initial[0] != '\0')
		(void)buf_addf(out, "`%s`", field->initial);
	(void)buf_add_str(out, " | ");
	add_cell(out, field->doc);
	(void)buf_add_str(out, " |\n");
}

static void
add_fields(struct buf *out, const struct op *op)
{
	size_t size, i, n = 0;
	const struct field *fields = bind_fields(op, &size);

	for (i = 0; fields != NULL && fields[i].name != NULL; i++) {
		if (!rows_shows(op, &fields[i]))
			continue;
		if (n++ == 0)
			(void)buf_add_str(out,
				"| parameter | type | default | |\n|---|---|---|---|\n");
		add_field(out, &fields[i]);
	}
	if (n > 0)
		(void)buf_add_char(out, '\n');
}

static void
add_out(struct buf *out, const struct op_out *member)
{
	if (member == NULL || member->name == NULL)
		return;
	(void)buf_add_str(out, "| answer | type | |\n|---|---|---|\n");
	for (; member->name != NULL; member++) {
		(void)buf_addf(out, "| `%s` | %s | ", member->name,
			type_names[member->type]);
		add_cell(out, member->doc);
		(void)buf_add_str(out, " |\n");
	}
	(void)buf_add_char(out, '\n');
}

static void
add_errors(struct buf *out, const struct op *op)
{
	size_t i;

	for (i = 0; i < OP_ERRORS_MAX && op->errors[i].when != NULL; i++) {
		(void)buf_addf(out, "- %d: %s\n", op->errors[i].status,
			op->errors[i].when);
	}
	if (i > 0)
		(void)buf_add_char(out, '\n');
}

static void
add_op(struct buf *out, const char *mount, const struct op *op)
{
	size_t i;

	(void)buf_addf(out, "### %s /v1/%s%s\n\n%s", methods[op->verb], mount,
		op->path, op->summary);
	for (i = 0; i < ARRAY_LEN(notes); i++) {
		if ((op->flags & notes[i].flag) != 0)
			(void)buf_addf(out, " %s", notes[i].text);
	}
	if (op->alias_of != NULL)
		(void)buf_addf(out, " An old name of `%s`.", op->alias_of);
	(void)buf_add_str(out, "\n\n");
	if (op->text != NULL)
		(void)buf_addf(out, "%s\n\n", op->text);
	add_fields(out, op);
	add_out(out, op->out);
	add_errors(out, op);
}

int
refdoc_mount(const struct mount_type *type, const char *usual_path,
	struct buf *out, struct err *err)
{
	const struct op *first = NULL, *ops[OP_VERB_COUNT];
	struct rows_at at = { 0 };
	size_t verb;

	(void)buf_addf(out,
		"# `%s`\n\n<!-- Written by tools/refgen from the tables of operations; "
		"`make docs-api` writes it anew. -->\n\n%s\n\n",
		usual_path, type->description);
	while ((first = rows_next_path(type, &at)) != NULL) {
		(void)buf_addf(out, "## `%s`\n\n", first->path);
		rows_of_path(type, first->path, ops);
		for (verb = 0; verb < OP_VERB_COUNT; verb++) {
			if (ops[verb] != NULL)
				add_op(out, usual_path, ops[verb]);
		}
	}
	/* Each part ends in an empty line; the page ends in one newline. */
	if (out->rc == 0 && out->len > 0)
		out->data[--out->len] = '\0';
	return buf_check(out, err);
}
