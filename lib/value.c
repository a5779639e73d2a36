/*
 * Trees of values. Members of an object are a plain list: objects here have
 * tens of members, and whoever reads large ones appends without looking.
 */
#include "lib/value.h"

#include <stdlib.h>
#include <string.h>

#include "lib/number.h"

static struct value *
new_value(struct arena *arena, enum value_type type)
{
	struct value *value = ARENA_NEW(arena, struct value);

	if (value != NULL)
		value->type = type;
	return value;
}

static struct value *
new_text(struct arena *arena, enum value_type type, struct span text)
{
	struct value *value = new_value(arena, type);

	if (value == NULL)
		return NULL;
	value->str = arena_strndup(arena, text.data, text.len);
	value->len = text.len;
	return value->str == NULL ? NULL : value;
}

struct value *
value_null(struct arena *arena)
{
	return new_value(arena, VALUE_NULL);
}

struct value *
value_bool(struct arena *arena, bool on)
{
	struct value *value = new_value(arena, VALUE_BOOL);

	if (value != NULL)
		value->boolean = on;
	return value;
}

struct value *
value_int(struct arena *arena, int64_t n)
{
	struct value *value = new_value(arena, VALUE_INT);

	if (value != NULL)
		value->integer = n;
	return value;
}

struct value *
value_number(struct arena *arena, struct span text)
{
	return new_text(arena, VALUE_NUMBER, text);
}

struct value *
value_string(struct arena *arena, const char *str)
{
	return new_text(arena, VALUE_STRING, span_str(str));
}

struct value *
value_span(struct arena *arena, struct span text)
{
	return new_text(arena, VALUE_STRING, text);
}

struct value *
value_list(struct arena *arena)
{
	return new_value(arena, VALUE_LIST);
}

struct value *
value_object(struct arena *arena)
{
	return new_value(arena, VALUE_OBJECT);
}

bool
value_add(struct value *list, struct value *child)
{
	if (list == NULL || child == NULL ||
		(list->type != VALUE_LIST && list->type != VALUE_OBJECT))
		return false;
	child->next = NULL;
	if (list->last == NULL)
		list->first = child;
	else
		list->last->next = child;
	list->last = child;
	list->n++;
	return true;
}

bool
value_append(struct arena *arena, struct value *object, const char *key,
	struct value *child)
{
	if (object == NULL || child == NULL)
		return false;
	child->key = arena_strdup(arena, key);
	return child->key != NULL && value_add(object, child);
}

/* Put child where the member of its name stands; false where none does. */
static bool
replace_member(struct value *object, struct value *child)
{
	struct value **at = NULL;

	for (at = &object->first; *at != NULL; at = &(*at)->next) {
		if (strcmp((*at)->key, child->key) != 0)
			continue;
		child->next = (*at)->next;
		if (object->last == *at)
			object->last = child;
		*at = child;
		return true;
	}
	return false;
}

bool
value_set(struct arena *arena, struct value *object, const char *key,
	struct value *child)
{
	if (object == NULL || child == NULL || object->type != VALUE_OBJECT)
		return false;
	child->key = arena_strdup(arena, key);
	if (child->key == NULL)
		return false;
	return replace_member(object, child) || value_add(object, child);
}

bool
value_set_str(struct arena *arena, struct value *object, const char *key,
	const char *str)
{
	return value_set(arena, object, key, value_string(arena, str));
}

bool
value_set_int(
	struct arena *arena, struct value *object, const char *key, int64_t n)
{
	return value_set(arena, object, key, value_int(arena, n));
}

bool
value_set_bool(
	struct arena *arena, struct value *object, const char *key, bool on)
{
	return value_set(arena, object, key, value_bool(arena, on));
}

struct value *
value_find(const struct value *object, const char *key)
{
	struct value *member = NULL;

	if (object == NULL || object->type != VALUE_OBJECT)
		return NULL;
	for (member = object->first; member != NULL; member = member->next) {
		if (strcmp(member->key, key) == 0)
			return member;
	}
	return NULL;
}

struct value *
value_first(const struct value *parent)
{
	return parent != NULL &&
			(parent->type == VALUE_LIST ||
				parent->type == VALUE_OBJECT)
		? parent->first
		: NULL;
}

const char *
value_str(const struct value *value, const char *fallback)
{
	return value != NULL && value->type == VALUE_STRING ? value->str
							    : fallback;
}

const char *
value_find_str(
	const struct value *object, const char *key, const char *fallback)
{
	return value_str(value_find(object, key), fallback);
}

int64_t
value_find_int(const struct value *object, const char *key, int64_t fallback)
{
	const struct value *member = value_find(object, key);
	int64_t n;

	if (member == NULL)
		return fallback;
	if (member->type == VALUE_INT)
		return member->integer;
	if (member->type != VALUE_NUMBER ||
		number_parse_i64(
			value_text(member), INT64_MIN, INT64_MAX, &n) != 0)
		return fallback;
	return n;
}

bool
value_find_bool(const struct value *object, const char *key, bool fallback)
{
	const struct value *member = value_find(object, key);

	if (member == NULL || member->type != VALUE_BOOL)
		return fallback;
	return member->boolean;
}

struct span
value_text(const struct value *value)
{
	if (value == NULL ||
		(value->type != VALUE_STRING && value->type != VALUE_NUMBER))
		return SPAN_NONE;
	return span_of(value->str, value->len);
}

/* Copy the children of a list or an object, names included. */
static bool
copy_children(struct arena *arena, struct value *to, const struct value *from)
{
	VALUE_EACH (child, from) {
		struct value *copy = value_copy(arena, child);
		bool added = from->type == VALUE_OBJECT
			? value_append(arena, to, child->key, copy)
			: value_add(to, copy);

		if (!added)
			return false;
	}
	return true;
}

/* Recursive: every tree was bounded in depth by whoever read or built it. */
struct value *
value_copy(struct arena *arena, const struct value *value)
{
	struct value *copy = NULL;

	if (value == NULL)
		return NULL;
	if (value->type == VALUE_STRING || value->type == VALUE_NUMBER) {
		copy = new_text(arena, value->type, value_text(value));
		if (copy != NULL)
			copy->line = value->line;
		return copy;
	}
	copy = ARENA_NEW(arena, struct value);
	if (copy == NULL)
		return NULL;
	*copy = *value;
	copy->key = NULL;
	copy->next = NULL;
	if (value->type != VALUE_LIST && value->type != VALUE_OBJECT)
		return copy;
	copy->first = copy->last = NULL;
	copy->n = 0;
	return copy_children(arena, copy, value) ? copy : NULL;
}

/* ---- plain arrays ------------------------------------------------------- */

struct value *
value_of_list(struct arena *arena, const struct str_list *list)
{
	struct value *value = value_list(arena);

	for (size_t i = 0; i < list->n; i++) {
		if (!value_add(value, value_string(arena, list->items[i])))
			return NULL;
	}
	return value;
}

struct value *
value_of_map(struct arena *arena, const struct str_map *map)
{
	struct value *value = value_object(arena);

	for (size_t i = 0; i < map->n; i++) {
		if (!value_append(arena, value, map->keys[i],
			    value_string(arena, map->values[i])))
			return NULL;
	}
	return value;
}

bool
value_to_list(struct arena *arena, const struct value *value,
	struct str_list *ret_list)
{
	struct str_list list = { .n = 0 };

	if (value != NULL && value->type == VALUE_LIST && value->n > 0) {
		list.items = ARENA_ARRAY(arena, const char *, value->n);
		if (list.items == NULL)
			return false;
		VALUE_EACH (item, value) {
			if (item->type == VALUE_STRING)
				list.items[list.n++] = item->str;
		}
	}
	*ret_list = list;
	return true;
}

bool
value_to_map(
	struct arena *arena, const struct value *value, struct str_map *ret_map)
{
	struct str_map map = { .n = 0 };

	if (value != NULL && value->type == VALUE_OBJECT && value->n > 0) {
		map.keys = ARENA_ARRAY(arena, const char *, value->n);
		map.values = ARENA_ARRAY(arena, const char *, value->n);
		if (map.keys == NULL || map.values == NULL)
			return false;
		VALUE_EACH (member, value) {
			if (member->type != VALUE_STRING)
				continue;
			map.keys[map.n] = member->key;
			map.values[map.n++] = member->str;
		}
	}
	*ret_map = map;
	return true;
}

/* Take up to n members off the front of *list as a list of their own. */
static struct value *
cut_run(struct value **list, size_t n)
{
	struct value *run = *list, **end = &run;

	while (n-- > 0 && *end != NULL)
		end = &(*end)->next;
	*list = *end;
	*end = NULL;
	return run;
}

/* Merge two sorted runs behind *tail; returns where the next one goes. */
static struct value **
merge_runs(struct value **tail, struct value *a, struct value *b)
{
	while (a != NULL && b != NULL) {
		struct value **least = strcmp(b->key, a->key) < 0 ? &b : &a;

		*tail = *least;
		*least = (*least)->next;
		tail = &(*tail)->next;
	}
	*tail = a != NULL ? a : b;
	while (*tail != NULL)
		tail = &(*tail)->next;
	return tail;
}

/* Bottom-up merge sort: runs of 1, 2, 4, … are merged in pairs. */
void
value_sort(struct value *object)
{
	size_t run;

	if (object == NULL || object->type != VALUE_OBJECT)
		return;
	for (run = 1; run < object->n; run *= 2) {
		struct value *rest = object->first, *sorted = NULL;
		struct value **tail = &sorted;

		while (rest != NULL) {
			struct value *a = cut_run(&rest, run);
			struct value *b = cut_run(&rest, run);

			tail = merge_runs(tail, a, b);
		}
		object->first = sorted;
	}
	for (object->last = object->first;
		object->last != NULL && object->last->next != NULL;)
		object->last = object->last->next;
}

static int
compare_keys(const void *a, const void *b)
{
	const struct value *const *left = a;
	const struct value *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

const struct value **
value_by_name(const struct value *object)
{
	const struct value **members = calloc(object->n + 1, sizeof(*members));
	size_t n = 0;

	if (members == NULL)
		return NULL;
	VALUE_EACH (member, object)
		members[n++] = member;
	qsort(members, n, sizeof(*members), compare_keys);
	return members;
}
