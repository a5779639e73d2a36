/*
 * One table of converters, a row for each field type, and the walk over an
 * operation's fields. Names no operation and reads no JSON text.
 */
#include "server/api/bind.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/duration.h"
#include "lib/jsonw.h"
#include "lib/number.h"
#include "server/api/record_ops.h"

#define TEXT_MAX 4096            /* where a field names no len_max */
#define SHOWN_MAX 64             /* bytes of a caller's value in an error */
#define DURATION_MAX 9223372036L /* s; what 64 bits of ns hold */
#define NOTES_MAX 900
#define JSON_TEXT_MAX ((size_t)4 * 1024 * 1024)

/* One conversion under way. */
struct bind {
	const struct field *field;
	enum bind_mode mode;
	struct arena *arena;
	char why[160]; /* set with ERR_INPUT */
};

static const struct field list_fields[] = {
	FIELD_STR(struct op_list_in, after, .flags = FIELD_QUERY,
		.doc = "Names strictly behind this one; it need not exist."),
	FIELD_INT(struct op_list_in, limit, .flags = FIELD_QUERY,
		.doc = "At most so many names; 0 or less: all."),
	FIELD_END,
};

const struct field *
bind_fields(const struct op *op, size_t *ret_size)
{
	*ret_size = op->in_size;
	if (op->fields != NULL)
		return op->fields;
	if (op->verb == OP_LIST) {
		*ret_size = sizeof(struct op_list_in);
		return list_fields;
	}
	if (op->record == NULL || op->verb != OP_UPDATE)
		return NULL;
	*ret_size = op->record->size;
	return op->record->fields;
}

/* Null, absent and "" count as not given, whatever the type. */
static bool
is_given(const struct value *value)
{
	if (value == NULL || value->type == VALUE_NULL)
		return false;
	return value->type != VALUE_STRING || value->len > 0;
}

static int
fail(struct bind *bind, const char *why)
{
	(void)snprintf(bind->why, sizeof(bind->why), "%.150s", why);
	return ERR_INPUT;
}

static int
check_len(struct bind *bind, size_t len)
{
	size_t max = bind->field->len_max;

	if (max == 0)
		max = TEXT_MAX;
	if (bind->mode == BIND_STORED || len <= max)
		return 0;
	(void)snprintf(
		bind->why, sizeof(bind->why), "longer than %zu bytes", max);
	return ERR_INPUT;
}

static int
check_range(struct bind *bind, int64_t n)
{
	int64_t min = bind->field->min, max = bind->field->max;

	if (bind->mode == BIND_STORED || (min == 0 && max == 0))
		return 0;
	if (max == 0)
		max = INT64_MAX;
	if (n >= min && n <= max)
		return 0;
	if (max == INT64_MAX)
		(void)snprintf(bind->why, sizeof(bind->why),
			"must be at least %" PRId64, min);
	else
		(void)snprintf(bind->why, sizeof(bind->why),
			"must be between %" PRId64 " and %" PRId64, min, max);
	return ERR_INPUT;
}

/*
 * The text of a scalar without NUL bytes, as a string that lives in the tree
 * or is static; yes and no stand for true and false.
 */
static int
scalar_text(struct bind *bind, const struct value *value, const char *yes,
	const char *no, const char **ret_text, size_t *ret_len)
{
	char *digits = NULL;

	switch (value->type) {
	case VALUE_STRING:
	case VALUE_NUMBER:
		if (memchr(value->str, 0, value->len) != NULL)
			return fail(bind, "contains a NUL byte");
		*ret_text = value->str;
		*ret_len = value->len;
		return 0;
	case VALUE_BOOL:
		*ret_text = value->boolean ? yes : no;
		*ret_len = strlen(*ret_text);
		return 0;
	case VALUE_INT:
		digits = arena_printf(bind->arena, "%" PRId64, value->integer);
		if (digits == NULL)
			return ERR_MEMORY;
		*ret_text = digits;
		*ret_len = strlen(digits);
		return 0;
	case VALUE_NULL:
	case VALUE_LIST:
	case VALUE_OBJECT:
		break;
	}
	return fail(bind, "expected a string");
}

/* An object as the text that a caller might have sent in its place. */
static int
json_text(struct bind *bind, const struct value *object, const char **ret_text,
	size_t *ret_len)
{
	struct buf buf;
	int rc;

	buf_init(&buf, JSON_TEXT_MAX);
	jsonw_value(&buf, object, 0);
	rc = buf.rc;
	if (rc == 0) {
		*ret_text = arena_strndup(bind->arena, buf.data, buf.len);
		*ret_len = buf.len;
		rc = *ret_text == NULL ? ERR_MEMORY : 0;
	}
	buf_clear(&buf);
	return rc == ERR_LIMIT ? fail(bind, "too long") : rc;
}

static int
to_str(struct bind *bind, const struct value *value, void *slot)
{
	const char **text = slot;
	const char *found = NULL;
	size_t len;
	int rc;

	if (value->type == VALUE_OBJECT &&
		(bind->field->flags & FIELD_JSON) != 0)
		rc = json_text(bind, value, &found, &len);
	else
		rc = scalar_text(bind, value, "1", "0", &found, &len);
	if (rc == 0)
		rc = check_len(bind, len);
	if (rc == 0)
		*text = found;
	return rc;
}

static int
to_secret(struct bind *bind, const struct value *value, void *slot)
{
	struct secret_view *view = slot;
	int rc;

	if (value->type != VALUE_STRING && value->type != VALUE_NUMBER)
		return fail(bind, "expected a string");
	rc = check_len(bind, value->len);
	if (rc == 0)
		*view = secret_view_of(value->str, value->len);
	return rc;
}

static int
to_int(struct bind *bind, const struct value *value, void *slot)
{
	int64_t *n = slot, found = 0;
	int rc = 0;

	if (value->type == VALUE_BOOL)
		found = value->boolean;
	else if (value->type == VALUE_INT)
		found = value->integer;
	else if (value->type == VALUE_NUMBER || value->type == VALUE_STRING)
		rc = number_parse_api(value_text(value), &found);
	else
		rc = ERR_INPUT;
	if (rc != 0)
		return fail(bind, "expected a whole number");
	rc = check_range(bind, found);
	if (rc == 0)
		*n = found;
	return rc;
}

static int
to_bool(struct bind *bind, const struct value *value, void *slot)
{
	bool *on = slot;

	if (value->type == VALUE_BOOL) {
		*on = value->boolean;
		return 0;
	}
	if (value->type == VALUE_STRING && value->len == 0) {
		*on = false;
		return 0;
	}
	/* Of numbers, 0 and 1 alone are spelled as one of the words. */
	if ((value->type == VALUE_NUMBER || value->type == VALUE_STRING) &&
		number_parse_bool(value_text(value), on) == 0)
		return 0;
	return fail(bind, "expected true or false");
}

/* A duration in seconds from text or a whole number. */
static int
duration_of(struct bind *bind, const struct value *value, int64_t *ret_s)
{
	struct err err = { 0 };

	if (value->type == VALUE_INT) {
		*ret_s = value->integer;
		return 0;
	}
	if (value->type == VALUE_NUMBER &&
		number_parse_i64(
			value_text(value), INT64_MIN, INT64_MAX, ret_s) == 0)
		return 0;
	if (value->type != VALUE_STRING)
		return fail(bind, "expected seconds or a duration like \"1h\"");
	if (duration_parse_s(value_text(value), ret_s, &err) != 0)
		return fail(bind, err.message);
	return 0;
}

static int
to_duration(struct bind *bind, const struct value *value, void *slot)
{
	int64_t *s = slot, found = 0;
	struct span text = value_text(value);
	int rc = duration_of(bind, value, &found);
	bool has_minus;

	if (rc != 0)
		return rc;
	/* "-500ms" is cut to 0 seconds and still is not a length of time. */
	has_minus = found < 0 || (text.len > 0 && text.data[0] == '-');
	if (has_minus && (bind->field->min >= 0 || found >= 0)) {
		(void)snprintf(bind->why, sizeof(bind->why),
			"cannot provide negative value '%.*s'",
			(int)(text.len < SHOWN_MAX ? text.len : SHOWN_MAX),
			(const char *)text.data);
		return ERR_INPUT;
	}
	if (found > DURATION_MAX)
		return fail(bind, "longer than 9223372036 seconds");
	rc = check_range(bind, found);
	if (rc == 0)
		*s = found;
	return rc;
}

/* Blanks off both ends, in place. */
static char *
trim(char *text)
{
	char *end = NULL;

	text += strspn(text, " \t\r\n\v\f");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n\v\f", end[-1]) != NULL)
		end--;
	*end = '\0';
	return text;
}

static int
new_list(struct bind *bind, size_t n, struct str_list *list)
{
	if (n > 0) {
		list->items = ARENA_ARRAY(bind->arena, const char *, n);
		if (list->items == NULL)
			return ERR_MEMORY;
	}
	list->n = n;
	return 0;
}

/* "a, b,,c" to four items, the empty one kept. */
static int
split_commas(struct bind *bind, const char *text, struct str_list *list)
{
	size_t n = 1, i;
	char *piece = NULL, *comma = NULL;
	int rc;

	for (i = 0; text[i] != '\0'; i++)
		n += text[i] == ',';
	piece = arena_strdup(bind->arena, text);
	if (piece == NULL)
		return ERR_MEMORY;
	rc = new_list(bind, n, list);
	for (i = 0; rc == 0 && i < n; i++) {
		comma = strchr(piece, ',');
		if (comma != NULL)
			*comma = '\0';
		list->items[i] = trim(piece);
		piece = comma != NULL ? comma + 1 : piece;
	}
	return rc;
}

/* The members of a JSON list as text, none of them split. */
static int
list_items(struct bind *bind, const struct value *value, bool trims,
	struct str_list *list)
{
	const char *text = NULL;
	char *copy = NULL;
	size_t len, total = 0, i = 0;
	int rc = new_list(bind, value->n, list);

	if (rc != 0)
		return rc;
	VALUE_EACH (item, value) {
		rc = scalar_text(bind, item, "1", "0", &text, &len);
		if (rc != 0)
			return rc;
		total += len;
		if (trims) {
			copy = arena_strdup(bind->arena, text);
			if (copy == NULL)
				return ERR_MEMORY;
			text = trim(copy);
		}
		/* Room for each member: new_list.
		 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		list->items[i++] = text;
	}
	return check_len(bind, total);
}

static int
to_list_of(
	struct bind *bind, const struct value *value, bool splits, void *slot)
{
	struct str_list list = { 0 };
	const char *text = NULL;
	size_t len;
	int rc;

	if (value->type == VALUE_LIST) {
		rc = list_items(bind, value, splits, &list);
	} else if (value->type == VALUE_OBJECT && value->n == 0) {
		rc = 0;
	} else {
		rc = scalar_text(bind, value, "1", "0", &text, &len);
		if (rc == 0)
			rc = check_len(bind, len);
		if (rc == 0 && splits)
			rc = split_commas(bind, text, &list);
		else if (rc == 0 && (rc = new_list(bind, 1, &list)) == 0)
			list.items[0] = text;
	}
	if (rc == 0)
		*(struct str_list *)slot = list;
	return rc;
}

static int
to_list(struct bind *bind, const struct value *value, void *slot)
{
	return to_list_of(bind, value, true, slot);
}

static int
to_names(struct bind *bind, const struct value *value, void *slot)
{
	return to_list_of(bind, value, false, slot);
}

/* Put a pair into the map; a later one of the same name replaces it. */
static void
map_put(struct str_map *map, const char *key, const char *text)
{
	size_t i;

	for (i = 0; i < map->n && strcmp(map->keys[i], key) != 0; i++)
		;
	/* Room for each pair: map_room.
	 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	map->keys[i] = key;
	map->values[i] = text;
	map->n += i == map->n;
}

static int
map_members(struct bind *bind, const struct value *object, struct str_map *map,
	size_t *total)
{
	const char *text = NULL;
	size_t len;
	int rc;

	VALUE_EACH (member, object) {
		rc = scalar_text(bind, member, "true", "false", &text, &len);
		if (rc != 0)
			return rc;
		*total += len + strlen(member->key);
		map_put(map, member->key, text);
	}
	return 0;
}

/* "k=v", of a list or alone. */
static int
map_pair(struct bind *bind, const struct value *item, struct str_map *map,
	size_t *total)
{
	const char *text = NULL, *equals = NULL;
	const char *key = NULL;
	size_t len;
	int rc = scalar_text(bind, item, "true", "false", &text, &len);

	if (rc != 0)
		return rc;
	equals = strchr(text, '=');
	if (equals == NULL || equals == text) {
		(void)snprintf(bind->why, sizeof(bind->why),
			"invalid key pair \"%.64s\"", text);
		return ERR_INPUT;
	}
	key = arena_strndup(bind->arena, text, (size_t)(equals - text));
	if (key == NULL)
		return ERR_MEMORY;
	*total += len;
	map_put(map, key, equals + 1);
	return 0;
}

/* How many pairs a map may come to hold. */
static size_t
map_room(const struct value *value)
{
	size_t n = 0;

	if (value->type != VALUE_LIST)
		return value->type == VALUE_OBJECT ? value->n : 1;
	VALUE_EACH (item, value)
		n += item->type == VALUE_OBJECT ? item->n : 1;
	return n;
}

static int
to_map(struct bind *bind, const struct value *value, void *slot)
{
	struct str_map map = { 0 };
	size_t total = 0, room;
	int rc = 0;

	room = map_room(value);
	if (room > 0) {
		map.keys = ARENA_ARRAY(bind->arena, const char *, room);
		map.values = ARENA_ARRAY(bind->arena, const char *, room);
		if (map.keys == NULL || map.values == NULL)
			return ERR_MEMORY;
	}
	if (value->type == VALUE_OBJECT)
		rc = map_members(bind, value, &map, &total);
	else if (value->type != VALUE_LIST)
		rc = map_pair(bind, value, &map, &total);
	else
		VALUE_EACH (item, value) {
			if (rc == 0 && item->type == VALUE_OBJECT)
				rc = map_members(bind, item, &map, &total);
			else if (rc == 0)
				rc = map_pair(bind, item, &map, &total);
		}
	if (rc == 0)
		rc = check_len(bind, total);
	if (rc == 0)
		*(struct str_map *)slot = map;
	return rc;
}

static int
to_object(struct bind *bind, const struct value *value, void *slot)
{
	if (value->type != VALUE_OBJECT)
		return fail(bind, "expected an object");
	*(const struct value **)slot = value;
	return 0;
}

#define IS(type) (1U << (type))

/* How each field type converts, and what a strict endpoint takes for it. */
static const struct converter {
	int (*convert)(
		struct bind *bind, const struct value *value, void *slot);
	unsigned strict; /* bits of enum value_type */
	const char *go_name;
} converters[] = {
	[FIELD_TYPE_STR] = { to_str, IS(VALUE_STRING), "string" },
	[FIELD_TYPE_INT] = { to_int, IS(VALUE_NUMBER), "int" },
	[FIELD_TYPE_BOOL] = { to_bool, IS(VALUE_BOOL), "bool" },
	[FIELD_TYPE_DURATION] = { to_duration,
		IS(VALUE_NUMBER) | IS(VALUE_STRING), "int" },
	[FIELD_TYPE_LIST] = { to_list, IS(VALUE_LIST), "[]string" },
	[FIELD_TYPE_NAMES] = { to_names, IS(VALUE_LIST), "[]string" },
	[FIELD_TYPE_MAP] = { to_map, IS(VALUE_OBJECT), "map[string]string" },
	[FIELD_TYPE_OBJECT] = { to_object, IS(VALUE_OBJECT),
		"map[string]interface {}" },
	[FIELD_TYPE_SECRET] = { to_secret, IS(VALUE_STRING), "string" },
};

static const char *const json_names[] = {
	[VALUE_NULL] = "null",
	[VALUE_BOOL] = "bool",
	[VALUE_INT] = "number",
	[VALUE_NUMBER] = "number",
	[VALUE_STRING] = "string",
	[VALUE_LIST] = "array",
	[VALUE_OBJECT] = "object",
};

/* At most SHOWN_MAX printable bytes of a value into out. */
static void
show_value(const struct value *value, char out[SHOWN_MAX + 1])
{
	struct buf buf;
	struct span text;
	size_t i;

	buf_init(&buf, JSON_TEXT_MAX);
	if (value->type == VALUE_STRING || value->type == VALUE_NUMBER) {
		text = value_text(value);
	} else {
		jsonw_value(&buf, value, 0);
		text = buf_span(&buf);
	}
	for (i = 0; i < text.len && i < SHOWN_MAX; i++)
		out[i] = text.data[i] >= 0x20 && text.data[i] < 0x7f
			? (char)text.data[i]
			: '?';
	out[i] = '\0';
	buf_clear(&buf);
}

static int
refuse(struct bind *bind, const struct value *value, struct err *err)
{
	const struct field *field = bind->field;
	char shown[SHOWN_MAX + 1] = "(not shown)";

	if (bind->mode == BIND_STORED) {
		(void)err_set(err, ERR_INTERNAL, 500, "internal error");
		return err_wrap(
			err, "stored field %s: %s", field->name, bind->why);
	}
	if (bind->mode == BIND_STRICT)
		return err_set(err, ERR_INPUT, 400,
			"failed to parse JSON input: field \"%s\": %s",
			field->name, bind->why);
	/* Of pairs the bad one is in why, and enough. */
	if (field->type != FIELD_TYPE_SECRET &&
		(field->type != FIELD_TYPE_MAP || value->type == VALUE_OBJECT))
		show_value(value, shown);
	return err_set(err, ERR_INPUT, 400,
		"Field validation failed: error converting input %s for field \"%s\": %s",
		shown, field->name, bind->why);
}

int
bind_value(const struct field *field, const struct value *value,
	enum bind_mode mode, struct arena *arena, void *record, struct err *err)
{
	const struct converter *row = &converters[field->type];
	struct bind bind = { .field = field, .mode = mode, .arena = arena };
	int rc;

	if (mode == BIND_STRICT && (row->strict & IS(value->type)) == 0)
		return err_set(err, ERR_INPUT, 400,
			"failed to parse JSON input: json: cannot unmarshal %s into field %s of type %s",
			json_names[value->type], field->name, row->go_name);
	rc = row->convert(&bind, value, (char *)record + field->offset);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	return rc != 0 ? refuse(&bind, value, err) : 0;
}

int
bind_defaults(const struct field *fields, void *record, struct arena *arena,
	struct err *err)
{
	struct value text = { .type = VALUE_STRING };
	size_t i;
	int rc;

	for (i = 0; fields[i].name != NULL; i++) {
		text.str = fields[i].initial;
		if (text.str == NULL && fields[i].type != FIELD_TYPE_STR)
			continue;
		if (text.str == NULL)
			text.str = "";
		text.len = strlen(text.str);
		rc = bind_value(
			&fields[i], &text, BIND_STORED, arena, record, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* The capture that fills this field, or NULL. */
static const char *
captured(const struct req *req, const char *name)
{
	size_t i;

	for (i = 0; i < req->n_captures; i++) {
		if (strcmp(req->captures[i].name, name) == 0)
			return req->captures[i].value;
	}
	return NULL;
}

/* What was sent for a field; its own name goes before its alias. */
static const struct value *
sent(const struct value *data, const struct field *field)
{
	const struct value *value = value_find(data, field->name);

	if (!is_given(value) && field->alias != NULL)
		value = value_find(data, field->alias);
	return is_given(value) ? value : NULL;
}

static int
bind_field(struct req *req, const struct field *field, enum bind_mode mode,
	bool *ret_given, struct err *err)
{
	struct value capture = { .type = VALUE_STRING };
	const struct value *value = NULL;

	capture.str = captured(req, field->name);
	if (capture.str != NULL) {
		capture.len = strlen(capture.str);
		value = &capture;
		mode = BIND_WEAK;
	} else {
		value = sent(req->data, field);
	}
	*ret_given = value != NULL;
	return value == NULL
		? 0
		: bind_value(field, value, mode, req->arena, req->in, err);
}

int
bind_input(struct req *req, struct err *err)
{
	size_t size, i;
	const struct field *fields = bind_fields(req->op, &size);
	enum bind_mode mode = BIND_WEAK;
	bool given;
	int rc;

	if (fields == NULL)
		return 0;
	if ((req->op->flags & OP_BARE) != 0 && req->op->verb == OP_UPDATE)
		mode = BIND_STRICT;
	req->in = arena_alloc(req->arena, 1, size);
	if (req->in == NULL)
		return err_set_memory(err);
	rc = bind_defaults(fields, req->in, req->arena, err);
	for (i = 0; rc == 0 && fields[i].name != NULL; i++) {
		if ((fields[i].flags & FIELD_STORED) != 0)
			continue;
		rc = bind_field(req, &fields[i], mode, &given, err);
		if (rc == 0 && given)
			req->given |= UINT64_C(1) << i;
	}
	for (i = 0; rc == 0 && fields[i].name != NULL; i++) {
		if ((fields[i].flags & FIELD_REQUIRED) != 0 &&
			(req->given >> i & 1) == 0)
			rc = err_set(err, ERR_INPUT, 400, "missing %s",
				fields[i].name);
	}
	return rc;
}

static bool
is_known(const struct field *fields, const char *name)
{
	size_t i;

	for (i = 0; fields != NULL && fields[i].name != NULL; i++) {
		if ((fields[i].flags & FIELD_STORED) != 0)
			continue;
		if (strcmp(fields[i].name, name) == 0)
			return true;
		if (fields[i].alias != NULL &&
			strcmp(fields[i].alias, name) == 0)
			return true;
	}
	return false;
}

static bool
is_one_of(const char *const *names, const char *name)
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

/* "a, b" of what a row takes. */
static int
refuse_name(const struct field *fields, const char *name, struct err *err)
{
	struct buf known;
	int rc;

	buf_init(&known, NOTES_MAX);
	for (size_t i = 0; fields != NULL && fields[i].name != NULL; i++) {
		if ((fields[i].flags & (FIELD_STORED | FIELD_HIDDEN)) == 0)
			(void)buf_addf(&known, "%s%s",
				known.len > 0 ? ", " : "", fields[i].name);
	}
	rc = err_set(err, ERR_INPUT, 400,
		"Field validation failed: unknown field \"%.64s\"; there are %s",
		name, buf_str(&known));
	buf_clear(&known);
	return rc;
}

int
bind_refuse_unknown(
	const struct req *req, const char *const *shown, struct err *err)
{
	size_t size;
	const struct field *fields = bind_fields(req->op, &size);

	VALUE_EACH (member, req->data) {
		if (captured(req, member->key) == NULL &&
			!is_known(fields, member->key) &&
			!is_one_of(shown, member->key))
			return refuse_name(fields, member->key, err);
	}
	return 0;
}

/* "text: [a b]" with sorted names, as many as fit. */
static void
warn_names(struct req *req, const char *text, struct str_list *names)
{
	struct buf buf;

	if (names->n == 0)
		return;
	str_list_sort(names);
	buf_init(&buf, NOTES_MAX);
	for (size_t i = 0; i < names->n; i++)
		(void)buf_addf(
			&buf, "%s%.64s", i > 0 ? " " : "", names->items[i]);
	req_warn(req, "%s: [%s]", text, buf_str(&buf));
	buf_clear(&buf);
}

void
bind_warn(struct req *req)
{
	size_t size;
	const struct field *fields = bind_fields(req->op, &size);
	struct str_list ignored = { .n = 0 }, replaced = { .n = 0 };

	if (req->data == NULL || req->data->n == 0 ||
		(req->op->flags & OP_ANY_DATA) != 0)
		return;
	ignored.items = ARENA_ARRAY(req->arena, const char *, req->data->n);
	replaced.items = ARENA_ARRAY(req->arena, const char *, req->data->n);
	if (ignored.items == NULL || replaced.items == NULL)
		return;
	VALUE_EACH (member, req->data) {
		if (captured(req, member->key) != NULL)
			replaced.items[replaced.n++] = member->key;
		else if (!is_known(fields, member->key))
			ignored.items[ignored.n++] = member->key;
	}
	warn_names(req, "Endpoint ignored these unrecognized parameters",
		&ignored);
	warn_names(req,
		"Endpoint replaced the value of these parameters with the values captured from the endpoint's path",
		&replaced);
}
