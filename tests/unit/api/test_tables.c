/* What every row of every table has to have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/api/bind.h"
#include "server/api/help.h"
#include "server/api/record_ops.h"
#include "server/api/route.h"
#include "server/api/rows.h"
#include "server/auth/auth.h"
#include "server/engines/cubbyhole/cubbyhole.h"
#include "server/engines/identity/identity.h"
#include "server/engines/ssh/ssh.h"
#include "server/sys/sys.h"

static const struct mount_type *const types[] = { &sys_mount_type,
	&token_mount_type, &userpass_mount_type, &approle_mount_type,
	&cert_mount_type, &jwt_mount_type, &kubernetes_mount_type,
	&sshkey_mount_type, &cubbyhole_mount_type, &identity_mount_type,
	&ssh_mount_type };

typedef void row_fn(const struct mount_type *type, const struct op *op);

static void
each_row(row_fn *fn)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		struct rows_at at = { 0 };
		const struct op *op = NULL;

		while ((op = rows_next(types[i], &at)) != NULL)
			fn(types[i], op);
	}
}

/* Fail with the row's name where a rule does not hold. */
static void
rule(bool holds, const struct mount_type *type, const struct op *op,
	const char *what, const char *which)
{
	if (!holds)
		fail_msg("%s %s (verb %d): %s %s", type->name, op->path,
			(int)op->verb, what, which);
}

static bool
is_sentence(const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	return len > 1 && text[len - 1] == '.' && strchr(text, '\n') == NULL;
}

static void
check_text(const struct mount_type *type, const struct op *op)
{
	size_t i;

	rule(is_sentence(op->summary), type, op, "no summary sentence", "");
	rule(op->handler != NULL, type, op, "no handler", "");
	for (i = 0; i < OP_ERRORS_MAX; i++)
		rule((op->errors[i].status == 0) ==
				(op->errors[i].when == NULL),
			type, op, "half an error", "");
}

static void
every_row_has_text_and_a_handler(void **state)
{
	(void)state;
	each_row(check_text);
}

static void
check_existence(const struct mount_type *type, const struct op *op)
{
	bool asks = (op->flags & OP_EXISTENCE) != 0;

	rule(!asks || op->exists != NULL, type, op, "no exists", "");
	rule((op->flags & OP_UNAUDITED) == 0 ||
			(op->flags & OP_UNAUTHENTICATED) != 0,
		type, op, "unaudited, yet with a token", "");
	rule((op->flags & OP_WHILE_SEALED) == 0 ||
			(op->flags & OP_UNAUTHENTICATED) != 0,
		type, op, "runs while sealed, yet with a token", "");
	rule((op->flags & (OP_UNAUTHENTICATED | OP_SUDO)) !=
			(OP_UNAUTHENTICATED | OP_SUDO),
		type, op, "sudo of nobody", "");
}

static void
flags_of_a_row_fit_together(void **state)
{
	(void)state;
	each_row(check_existence);
}

/* A field's own rules. */
static void
check_field(const struct mount_type *type, const struct op *op,
	const struct field *field, size_t size)
{
	struct err err = { 0 };
	struct arena *arena = arena_new(1024 * 1024);
	struct field alone[2] = { *field, FIELD_END };
	void *record = arena_alloc(arena, 1, size);

	rule(field->doc != NULL && is_sentence(field->doc), type, op,
		"no sentence for field", field->name);
	rule(field->offset < size, type, op, "offset of", field->name);
	rule(field->len_max <= 1024 * 1024, type, op, "no bound of",
		field->name);
	rule(field->max == 0 || field->min <= field->max, type, op, "bounds of",
		field->name);
	rule(bind_defaults(alone, record, arena, &err) == 0, type, op,
		"default of", field->name);
	if (field->initial != NULL) {
		struct value text = { .type = VALUE_STRING };

		text.str = field->initial;
		text.len = strlen(field->initial);
		rule(bind_value(field, &text, BIND_WEAK, arena, record, &err) ==
				0,
			type, op, "default past the bounds of", field->name);
	}
	arena_free(&arena);
}

static void
check_fields(const struct mount_type *type, const struct op *op)
{
	size_t size, i, j;
	const struct field *fields = bind_fields(op, &size);

	for (i = 0; fields != NULL && fields[i].name != NULL; i++) {
		check_field(type, op, &fields[i], size);
		for (j = 0; j < i; j++)
			rule(strcmp(fields[i].name, fields[j].name) != 0, type,
				op, "two fields", fields[i].name);
	}
	rule(fields == NULL || i <= OP_FIELDS_MAX, type, op, "too many fields",
		"");
	rule(fields == NULL || size > 0, type, op, "fields without size", "");
}

static void
every_field_has_text_bounds_and_a_good_default(void **state)
{
	(void)state;
	each_row(check_fields);
}

/* A path capture's field has the same name as in the pattern. */
static void
check_captures(const struct mount_type *type, const struct op *op)
{
	size_t size, i, n = 0;
	const struct field *fields = bind_fields(op, &size);
	const char *path = op->path;
	struct span name;

	while (rows_next_capture(&path, &name))
		n++;
	rule(n <= REQ_CAPTURES_MAX, type, op, "too many captures", "");
	for (i = 0; fields != NULL && fields[i].name != NULL; i++) {
		bool found = (fields[i].flags & FIELD_PATH) == 0;

		path = op->path;
		while (rows_next_capture(&path, &name))
			found = found ||
				span_equal(name, span_str(fields[i].name));
		rule(found, type, op, "no capture for", fields[i].name);
	}
	if (op->record != NULL && op->verb != OP_LIST) {
		bool found = op->record->only != NULL;

		path = op->path;
		while (rows_next_capture(&path, &name))
			found = found ||
				span_equal(name, span_str(op->record->capture));
		rule(found, type, op, "no capture for the record", "");
	}
}

static void
captures_and_fields_agree(void **state)
{
	(void)state;
	each_row(check_captures);
}

static void
check_route(const struct mount_type *type, const struct op *op)
{
	char path[256];
	size_t n = 0;
	const char *at = NULL;

	/* A path of the pattern: ":x" becomes "x". */
	for (at = op->path; *at != '\0'; at++) {
		if (*at != ':')
			path[n++] = *at;
	}
	path[n] = '\0';
	rule(router_row(router_of(type), path, op->verb) == op, type, op,
		"is not reached by its own path", path);
	if (op->alias_of != NULL) {
		const struct op *ops[OP_VERB_COUNT];
		const struct op *other = NULL;

		rows_of_path(type, op->alias_of, ops);
		other = ops[op->verb];
		rule(other != NULL, type, op,
			"an alias of nothing:", op->alias_of);
		rule(other->handler == op->handler &&
				(other->flags & OP_SUDO) ==
					(op->flags & OP_SUDO),
			type, op, "checks other things than", op->alias_of);
	}
}

static void
no_route_is_there_twice_or_hidden(void **state)
{
	(void)state;
	each_row(check_route);
}

static void
check_help(const struct mount_type *type, const struct op *op)
{
	struct arena *arena = arena_new(4 * 1024 * 1024);
	struct err err = { 0 };
	struct buf text;
	const struct openapi_mount mount = { "m/", type };

	buf_init(&text, 1024 * 1024);
	rule(help_text(arena, type, op, op->path, &text, &err) == 0, type, op,
		"has no help", "");
	rule(strstr(buf_str(&text), op->summary) != NULL, type, op,
		"is not in its own help", "");
	rule(openapi_one(arena, &mount, op) != NULL, type, op,
		"is not in OpenAPI", "");
	buf_clear(&text);
	arena_free(&arena);
}

static void
every_route_has_help(void **state)
{
	(void)state;
	each_row(check_help);
}

static void
open_and_unaudited_rows_are_a_fixed_list(void **state)
{
	static const char *const unaudited[] = { "health", "seal-status",
		"leader" };
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(types); i++) {
		struct rows_at at = { 0 };
		const struct op *op = NULL;

		while ((op = rows_next(types[i], &at)) != NULL) {
			bool listed = false;

			if ((op->flags & OP_UNAUDITED) == 0)
				continue;
			for (j = 0; j < ARRAY_LEN(unaudited); j++)
				listed = listed ||
					strcmp(op->path, unaudited[j]) == 0;
			rule(listed, types[i], op, "has no audit line", "");
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_text_and_a_handler),
		cmocka_unit_test(flags_of_a_row_fit_together),
		cmocka_unit_test(
			every_field_has_text_bounds_and_a_good_default),
		cmocka_unit_test(captures_and_fields_agree),
		cmocka_unit_test(no_route_is_there_twice_or_hidden),
		cmocka_unit_test(every_route_has_help),
		cmocka_unit_test(open_and_unaudited_rows_are_a_fixed_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
