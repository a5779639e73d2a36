/* What commands print: tables, JSON, YAML, one field (spec/cli.md 2). */
#ifndef SALLYPORT_CLIENT_OUTPUT_H
#define SALLYPORT_CLIENT_OUTPUT_H

#include "client/cli.h"

#define TABLE_COLUMNS_MAX 16

/* Rows of cells; the first row is the header, unless there is none. */
struct table {
	struct arena *arena;
	size_t n_columns;
	bool no_header;
	struct table_row *first, *last;
};

/* Add a row; cells are borrowed and trimmed; NULL ends them, "" is n/a. */
void table_add(struct table *table, const char *const *cells);
#define TABLE_ADD(table, ...)                                                  \
	table_add((table), (const char *const[]){ __VA_ARGS__, NULL })
void table_print(const struct table *table);

/* "Key", "Value" as the first row. */
struct table table_key_value(struct cli *cli);

/*
 * The answer of a read, write, … in the form asked for, or its one field.
 * Returns the exit code.
 */
int output_secret(struct cli *cli, const struct value *answer);

/* Whether the answer is a wrapping token in place of what was asked for. */
bool output_is_wrapped(const struct value *answer);

/* No list: a line for people, {} for programs. EXIT_SERVER for both. */
int output_no_list(const struct cli *cli, const char *what, const char *path);

/* Names under the header "Keys", or the bare list. */
int output_keys(struct cli *cli, const struct value *keys);

/*
 * A value as JSON or YAML, as the format says (table: JSON), NULL as null;
 * raw: the bytes that the server sent, whatever the value.
 */
void output_value(struct cli *cli, const struct value *value);

/* A value as JSON on one line. */
void output_line(const struct value *value);

/* Warnings of an answer, on standard error; whether there were any. */
bool output_warnings(const struct value *answer);

/* A value as table cells show it: lists [a b], maps map[k:v], null <nil>. */
const char *output_cell(struct cli *cli, const struct value *value);

/* The same for the value of a key: durations of numbers as 1h30m. */
const char *output_cell_of(
	struct cli *cli, const char *key, const struct value *value);

/* Seconds as people read them. */
const char *output_duration(struct cli *cli, int64_t seconds);

#endif
