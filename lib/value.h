/*
 * A tree of values in an arena: what JSON and HCL are read into, what handlers
 * answer with, what records are stored as, what the audit log hashes. Wiped
 * with its arena; nothing in it is freed on its own.
 */
#ifndef SALLYPORT_LIB_VALUE_H
#define SALLYPORT_LIB_VALUE_H

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/span.h"
#include "lib/str_list.h"

enum value_type {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,    /* made by our own code; printed as digits */
	VALUE_NUMBER, /* came in as JSON: kept as its text (str, len) */
	VALUE_STRING, /* str, len; may hold NUL bytes; a NUL follows it */
	VALUE_LIST,
	VALUE_OBJECT
};

struct value {
	enum value_type type;
	const char *key; /* name within an object, else NULL */

	union {
		bool boolean;
		int64_t integer;

		struct {
			const char *str;
			size_t len;
		};

		struct {
			struct value *first, *last;
			size_t n;
		};
	};
	struct value *next; /* the next sibling */
	int line;           /* where HCL had it; 0 elsewhere */
};

/* Texts, and texts by name, as plain arrays in an arena. */
struct str_map {
	const char **keys;
	const char **values;
	size_t n;
};

/* New values; NULL: no memory. Strings are copied into the arena. */
struct value *value_null(struct arena *arena);
struct value *value_bool(struct arena *arena, bool on);
struct value *value_int(struct arena *arena, int64_t n);
struct value *value_number(struct arena *arena, struct span text);
struct value *value_string(struct arena *arena, const char *str);
struct value *value_span(struct arena *arena, struct span text);
struct value *value_list(struct arena *arena);
struct value *value_object(struct arena *arena);
struct value *value_of_list(struct arena *arena, const struct str_list *list);
struct value *value_of_map(struct arena *arena, const struct str_map *map);

/*
 * Append child to a list, or to an object under a copy of key. False where
 * either pointer is NULL, the parent has no children by its type, or memory ran
 * out, so that calls can be chained:
 * value_set(arena, object, "ttl", value_int(arena, 60)). An object's earlier
 * member of the same name is replaced in place.
 */
bool value_add(struct value *list, struct value *child);
bool value_set(struct arena *arena, struct value *object, const char *key,
	struct value *child);

/*
 * value_set without looking for an earlier member of the same name: for
 * readers that keep repeated names, or know that there are none.
 */
bool value_append(struct arena *arena, struct value *object, const char *key,
	struct value *child);

/* Shorthands of value_set. */
bool value_set_str(struct arena *arena, struct value *object, const char *key,
	const char *str);
bool value_set_int(
	struct arena *arena, struct value *object, const char *key, int64_t n);
bool value_set_bool(
	struct arena *arena, struct value *object, const char *key, bool on);

/* The member called key (bytewise), or NULL; NULL objects have none. */
struct value *value_find(const struct value *object, const char *key);

/* Its string, or fallback where it is none; value may be NULL. */
const char *value_str(const struct value *value, const char *fallback);

/* The member's string, or fallback where it is absent or no string. */
const char *value_find_str(
	const struct value *object, const char *key, const char *fallback);

/* The member's integer (VALUE_INT, or VALUE_NUMBER that is whole). */
int64_t value_find_int(
	const struct value *object, const char *key, int64_t fallback);
bool value_find_bool(
	const struct value *object, const char *key, bool fallback);

/*
 * A list's or an object's texts as arrays; what is no text is left out, and
 * NULL is empty. False: no memory.
 */
bool value_to_list(struct arena *arena, const struct value *value,
	struct str_list *ret_list);
bool value_to_map(struct arena *arena, const struct value *value,
	struct str_map *ret_map);

/* The bytes of a string or number value; empty for other types. */
struct span value_text(const struct value *value);

/* A deep copy into another arena; NULL: no memory, or nothing to copy. */
struct value *value_copy(struct arena *arena, const struct value *value);

/* Reorder an object's members by name, bytewise; stable; not recursive. */
void value_sort(struct value *object);

/*
 * The n members of an object by name, bytewise, which itself stays as it is:
 * an array for the caller to free. NULL: no memory.
 */
const struct value **value_by_name(const struct value *object);

/* The first child; NULL where there is none: no list, no object, or empty. */
struct value *value_first(const struct value *parent);

/* for (child of parent) …; nothing where value_first finds none. */
#define VALUE_EACH(child, parent)                                              \
	for (const struct value *child = value_first(parent); child != NULL;   \
		child = child->next)

#endif
