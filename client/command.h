/*
 * A command of the command line as a row: its name, flags, help and what it
 * does. The same rows give parsing, help and docs/cli.
 */
#ifndef SALLYPORT_CLIENT_COMMAND_H
#define SALLYPORT_CLIENT_COMMAND_H

#include "lib/err.h"

struct cli;

enum flag_type {
	FLAG_TEXT,     /* const char *; "" until given */
	FLAG_BOOL,     /* bool */
	FLAG_INT,      /* int64_t */
	FLAG_DURATION, /* int64_t, seconds; less than one counts as 0 */
	FLAG_TTL,      /* int64_t, seconds; 0, or at least one */
	FLAG_LIST,     /* struct flag_list; may be repeated */
	FLAG_MAP       /* struct flag_list of "k=v"; may be repeated */
};

#define FLAG_LIST_MAX 64

struct flag_list {
	const char *items[FLAG_LIST_MAX];
	size_t n;
};

struct flag {
	const char *name;
	enum flag_type type;
	size_t offset;       /* into the struct that is filled */
	const char *initial; /* default as text, or NULL */
	const char *help;    /* one line */
	const char *env;     /* "SSH_EXECUTABLE": read behind SALLYPORT_ and
				VAULT_ where the flag is not given; or NULL */
};

#define FLAG_OFFSET(ctype, record, member)                                     \
	(offsetof(record, member) +                                            \
		0 * sizeof((ctype *)NULL == &((record *)NULL)->member))
#define FLAG_ROW(kind, ctype, record, member, flag_name, ...)                  \
	{                                                                      \
		.name = flag_name, .type = kind,                               \
		.offset = FLAG_OFFSET(ctype, record, member), __VA_ARGS__      \
	}
#define TEXT_FLAG(record, member, flag_name, ...)                              \
	FLAG_ROW(FLAG_TEXT, const char *, record, member, flag_name,           \
		__VA_ARGS__)
#define BOOL_FLAG(record, member, flag_name, ...)                              \
	FLAG_ROW(FLAG_BOOL, bool, record, member, flag_name, __VA_ARGS__)
#define INT_FLAG(record, member, flag_name, ...)                               \
	FLAG_ROW(FLAG_INT, int64_t, record, member, flag_name, __VA_ARGS__)
#define DURATION_FLAG(record, member, flag_name, ...)                          \
	FLAG_ROW(FLAG_DURATION, int64_t, record, member, flag_name, __VA_ARGS__)
#define TTL_FLAG(record, member, flag_name, ...)                               \
	FLAG_ROW(FLAG_TTL, int64_t, record, member, flag_name, __VA_ARGS__)
#define LIST_FLAG(record, member, flag_name, ...)                              \
	FLAG_ROW(FLAG_LIST, struct flag_list, record, member, flag_name,       \
		__VA_ARGS__)
#define MAP_FLAG(record, member, flag_name, ...)                               \
	FLAG_ROW(FLAG_MAP, struct flag_list, record, member, flag_name,        \
		__VA_ARGS__)
#define FLAG_END                                                               \
	{                                                                      \
		.name = NULL                                                   \
	}

enum command_flag {
	COMMAND_FORMAT = 1 << 0,   /* prints an object: knows -format */
	COMMAND_FIELD = 1 << 1,    /* and -field */
	COMMAND_RAW_ARGS = 1 << 2, /* reads its own words: server, -v */
	COMMAND_AT_LEAST = 1 << 4, /* the peer says so of too few words */
	COMMAND_TAIL = 1 << 3      /* words behind the first belong to another
				      program: -format stands before it */
};

/* Exit codes (spec/cli.md 1.1). */
enum { EXIT_DONE = 0, EXIT_USAGE = 1, EXIT_SERVER = 2, EXIT_UNKNOWN = 127 };

struct command {
	const char *name;        /* "token create" */
	const char *summary;     /* one line */
	const char *usage;       /* words behind the name: "[options] PATH" */
	const char *text;        /* more, with an example */
	unsigned flags;          /* enum command_flag */
	int args_min, args_max;  /* -1: any number */
	const struct flag *rows; /* ends with FLAG_END; NULL: none */
	size_t options_size;
	/* argv holds what stands behind the options. */
	int (*run)(struct cli *cli, void *options, int argc, char **argv);
};

/* Every command, in the order that help shows; ends with a NULL name. */
extern const struct command *const commands[];

/* Flags that every command has; they fill struct cli_options. */
extern const struct flag global_flags[];

#endif
