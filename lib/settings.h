/*
 * Settings as a table: name, type, bounds, default, help. A reader walks the
 * rows of its table over a value tree (from hcl_parse) and fills a struct.
 */
#ifndef SALLYPORT_LIB_SETTINGS_H
#define SALLYPORT_LIB_SETTINGS_H

#include "lib/value.h"

enum setting_type {
	SETTING_STR,      /* const char *, in the arena */
	SETTING_INT,      /* int64_t within min..max */
	SETTING_BOOL,     /* bool; "true", "1", "false", "0" as strings too */
	SETTING_DURATION, /* int64_t seconds within min..max */
	SETTING_LIST      /* struct setting_list; one comma string or a list */
};

struct setting_list {
	const char **items;
	size_t n;
};

/*
 * One row. min and max bound INT and DURATION (both 0: no bounds), max is the
 * length of a STR (0: any). initial is the default as text, not held to the
 * bounds; NULL means zero, false, "" or no items.
 */
struct setting {
	const char *name;
	enum setting_type type;
	size_t offset; /* into the struct that is filled */
	int64_t min, max;
	const char *initial;
	const char *help;  /* one line */
	const char *alias; /* another accepted name, or NULL */
};

/* A row; fails to compile where the member has another type than said. */
#define SETTING(kind, ctype, record, member, ...)                              \
	{                                                                      \
		.name = #member, .type = kind,                                 \
		.offset = offsetof(record, member) +                           \
			0 *                                                    \
				sizeof((ctype *)NULL ==                        \
					&((record *)NULL)->member),            \
		__VA_ARGS__                                                    \
	}
#define SETTING_ROW_STR(record, member, ...)                                   \
	SETTING(SETTING_STR, const char *, record, member, __VA_ARGS__)
#define SETTING_ROW_INT(record, member, ...)                                   \
	SETTING(SETTING_INT, int64_t, record, member, __VA_ARGS__)
#define SETTING_ROW_BOOL(record, member, ...)                                  \
	SETTING(SETTING_BOOL, bool, record, member, __VA_ARGS__)
#define SETTING_ROW_DURATION(record, member, ...)                              \
	SETTING(SETTING_DURATION, int64_t, record, member, __VA_ARGS__)
#define SETTING_ROW_LIST(record, member, ...)                                  \
	SETTING(SETTING_LIST, struct setting_list, record, member, __VA_ARGS__)
#define SETTING_END                                                            \
	{                                                                      \
		.name = NULL                                                   \
	}

/* What to do with a key that no row names; non-zero ends the reading. */
typedef int setting_unknown_fn(void *ctx, const struct value *member,
	const char *nearest, struct err *err);

/* One of these: nothing, as for files that a later version may have written. */
setting_unknown_fn setting_pass_unknown;

/*
 * Fill record from the members of object by table, defaults first. Repeated
 * keys: the last wins. unknown is called for each other key with the row name
 * nearest to it (NULL: none is near); with unknown NULL such a key is an error
 * ("invalid key "x" on line N"). Strings live in arena. ERR_INPUT names the
 * key, what was wrong and what would be right.
 */
int settings_read(const struct setting *table, const struct value *object,
	struct arena *arena, setting_unknown_fn *unknown, void *ctx,
	void *record, struct err *err);

/* The name of table nearest to key by edit distance at most 3, or NULL. */
const char *settings_nearest(const struct setting *table, const char *key);

#endif
