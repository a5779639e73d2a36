/*
 * Reading settings by table: one small reader per type, one loop over the
 * members, one edit distance for the suggestion.
 */
#include "lib/settings.h"

#include <stdio.h>
#include <string.h>

#include "lib/duration.h"
#include "lib/netaddr.h"
#include "lib/number.h"

#define NEAREST_MAX 3
#define NAME_MAX_BYTES 64

/* Where to write a value, and whom to blame. */
struct target {
	const struct setting *row;
	struct arena *arena;
	void *member; /* of the record */
};

/* Text of a scalar; empty and false for blocks and lists. */
static bool
scalar_text(const struct value *value, struct span *ret_text)
{
	if (value->type == VALUE_BOOL)
		*ret_text = span_str(value->boolean ? "true" : "false");
	else if (value->type == VALUE_STRING || value->type == VALUE_NUMBER)
		*ret_text = value_text(value);
	else
		return false;
	return true;
}

/* Every reader: 0, ERR_INPUT where value does not fit, ERR_MEMORY. */
typedef int reader_fn(const struct target *target, const struct value *value);

static int
read_str(const struct target *target, const struct value *value)
{
	const char **member = target->member;
	struct span text;
	char *copy = NULL;

	if (!scalar_text(value, &text))
		return ERR_INPUT;
	if (target->row->max > 0 && text.len > (size_t)target->row->max)
		return ERR_INPUT;
	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		return ERR_INPUT;
	copy = arena_strndup(target->arena, text.data, text.len);
	if (copy == NULL)
		return ERR_MEMORY;
	*member = copy;
	return 0;
}

static bool
in_bounds(const struct setting *row, int64_t n)
{
	return (row->min == 0 && row->max == 0) ||
		(n >= row->min && n <= row->max);
}

static int
read_int(const struct target *target, const struct value *value)
{
	int64_t *member = target->member;
	int64_t n;

	if (value->type == VALUE_INT)
		n = value->integer;
	else if (number_parse_api(value_text(value), &n) != 0)
		return ERR_INPUT;
	if (!in_bounds(target->row, n))
		return ERR_INPUT;
	*member = n;
	return 0;
}

static int
read_bool(const struct target *target, const struct value *value)
{
	static const struct {
		const char *text;
		bool on;
	} words[] = {
		{ "true", true },
		{ "1", true },
		{ "false", false },
		{ "0", false },
	};

	bool *member = target->member;
	struct span text;
	size_t i;

	if (!scalar_text(value, &text))
		return ERR_INPUT;
	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (span_equal(text, span_str(words[i].text))) {
			*member = words[i].on;
			return 0;
		}
	}
	return ERR_INPUT;
}

static int
read_duration(const struct target *target, const struct value *value)
{
	int64_t *member = target->member;
	struct err ignored = { 0 };
	int64_t s;

	if (value->type == VALUE_INT)
		s = value->integer;
	else if (value_text(value).len == 0 ||
		duration_parse_s(value_text(value), &s, &ignored) != 0)
		return ERR_INPUT;
	if (!in_bounds(target->row, s))
		return ERR_INPUT;
	*member = s;
	return 0;
}

/* The n-th text of a list value or of a comma string; false behind the end. */
static bool
next_item(const struct value *value, const struct value **child, size_t *pos,
	struct span *ret_item)
{
	if (value->type == VALUE_STRING)
		return comma_next(value->str, pos, ret_item);
	*child = *child == NULL ? value->first : (*child)->next;
	if (*child == NULL)
		return false;
	*ret_item = value_text(*child);
	return true;
}

static bool
is_list_of_texts(const struct value *value)
{
	if (value->type == VALUE_STRING)
		return strlen(value->str) == value->len;
	if (value->type != VALUE_LIST)
		return false;
	VALUE_EACH (child, value) {
		if (child->type != VALUE_STRING ||
			strlen(child->str) != child->len)
			return false;
	}
	return true;
}

static int
read_list(const struct target *target, const struct value *value)
{
	struct setting_list *member = target->member;
	struct setting_list list = { 0 };
	const struct value *child = NULL;
	size_t n = 0, pos = 0;
	struct span item;

	if (!is_list_of_texts(value))
		return ERR_INPUT;
	while (next_item(value, &child, &pos, &item))
		n++;
	list.items = ARENA_ARRAY(target->arena, const char *, n);
	if (list.items == NULL)
		return ERR_MEMORY;
	child = NULL;
	pos = 0;
	while (next_item(value, &child, &pos, &item)) {
		char *copy = arena_strndup(target->arena, item.data, item.len);

		if (copy == NULL)
			return ERR_MEMORY;
		list.items[list.n++] = copy;
	}
	*member = list;
	return 0;
}

static const struct {
	reader_fn *read;
	const char *wanted;
} types[] = {
	[SETTING_STR] = { read_str, "a text" },
	[SETTING_INT] = { read_int, "a whole number" },
	[SETTING_BOOL] = { read_bool, "true or false" },
	[SETTING_DURATION] = { read_duration,
		"a duration such as 90s, 15m or 768h" },
	[SETTING_LIST] = { read_list,
		"a list of texts, or one text with commas" },
};

/* What would be right, in words; the bounds too, where the row has some. */
static void
describe(const struct setting *row, char *out, size_t cap)
{
	const char *wanted = types[row->type].wanted;
	bool bounded = row->min != 0 || row->max != 0;

	if (bounded && row->type == SETTING_STR)
		(void)snprintf(out, cap, "%s of at most %lld bytes", wanted,
			(long long)row->max);
	else if (bounded && row->type == SETTING_INT)
		(void)snprintf(out, cap, "%s from %lld to %lld", wanted,
			(long long)row->min, (long long)row->max);
	else if (bounded && row->type == SETTING_DURATION)
		(void)snprintf(out, cap, "%s, from %llds to %llds", wanted,
			(long long)row->min, (long long)row->max);
	else
		(void)snprintf(out, cap, "%s", wanted);
}

static int
refuse_value(
	const struct setting *row, const struct value *value, struct err *err)
{
	char wanted[160];

	describe(row, wanted, sizeof(wanted));
	if (value->line == 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid value for \"%s\": expected %s", row->name,
			wanted);
	return err_set(err, ERR_INPUT, 400,
		"invalid value for \"%s\" on line %d: expected %s", row->name,
		value->line, wanted);
}

static int
read_value(const struct setting *row, const struct value *value,
	struct arena *arena, void *record, struct err *err)
{
	struct target target = {
		.row = row,
		.arena = arena,
		.member = (uint8_t *)record + row->offset,
	};
	int rc = types[row->type].read(&target, value);

	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	return rc == 0 ? 0 : refuse_value(row, value, err);
}

/* Defaults come in as text and go through the same readers. */
static int
read_initial(const struct setting *row, struct arena *arena, void *record,
	struct err *err)
{
	struct setting unbounded = *row;
	struct value initial = { .type = VALUE_STRING };
	const char *text = row->initial;

	if (text == NULL && row->type != SETTING_STR &&
		row->type != SETTING_LIST)
		text = "0";
	initial.str = text == NULL ? "" : text;
	initial.len = strlen(initial.str);
	/* "Off" is often a value that nobody may set: no bounds here. */
	unbounded.min = unbounded.max = 0;
	return read_value(&unbounded, &initial, arena, record, err);
}

static const struct setting *
find_row(const struct setting *table, const char *key)
{
	const struct setting *row = NULL;

	for (row = table; row->name != NULL; row++) {
		if (strcmp(row->name, key) == 0 ||
			(row->alias != NULL && strcmp(row->alias, key) == 0))
			return row;
	}
	return NULL;
}

int
setting_pass_unknown(UNUSED void *ctx, UNUSED const struct value *member,
	UNUSED const char *nearest, UNUSED struct err *err)
{
	return 0;
}

static int
report_unknown(const struct setting *table, const struct value *member,
	setting_unknown_fn *unknown, void *ctx, struct err *err)
{
	const char *nearest = settings_nearest(table, member->key);

	if (unknown != NULL)
		return unknown(ctx, member, nearest, err);
	return err_set(err, ERR_INPUT, 400,
		"invalid key \"%.64s\" on line %d%s%s%s", member->key,
		member->line, nearest != NULL ? ", did you mean \"" : "",
		nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

int
settings_read(const struct setting *table, const struct value *object,
	struct arena *arena, setting_unknown_fn *unknown, void *ctx,
	void *record, struct err *err)
{
	const struct setting *row = NULL;
	int rc;

	for (row = table; row->name != NULL; row++) {
		rc = read_initial(row, arena, record, err);
		if (rc != 0)
			return rc;
	}
	VALUE_EACH (member, object) {
		row = find_row(table, member->key);
		if (row == NULL)
			rc = report_unknown(table, member, unknown, ctx, err);
		else
			rc = read_value(row, member, arena, record, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static size_t
min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, one row of the table at a time. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1];
	size_t len = strlen(b), i, j;

	if (strlen(a) > NAME_MAX_BYTES || len > NAME_MAX_BYTES)
		return SIZE_MAX;
	for (j = 0; j <= len; j++)
		row[j] = j;
	for (i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (j = 0; j < len; j++) {
			size_t change = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] =
				min_of(change, min_of(diagonal, row[j]) + 1);
		}
	}
	return row[len];
}

const char *
settings_nearest(const struct setting *table, const char *key)
{
	/* A key of which nothing is left says nothing: "ui" is not "tls". */
	size_t best = min_of(NEAREST_MAX + 1, strlen(key));
	const struct setting *row = NULL;
	const char *name = NULL;

	for (row = table; row->name != NULL; row++) {
		size_t d = distance(key, row->name);

		if (d < best) {
			best = d;
			name = row->name;
		}
	}
	return name;
}
