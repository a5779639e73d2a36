/* Walking the rows of a mount type, for those who print them. */
#ifndef SALLYPORT_SERVER_API_ROWS_H
#define SALLYPORT_SERVER_API_ROWS_H

#include "server/api/req.h"

/* Where a walk stands; start with zeros. */
struct rows_at {
	size_t table, row;
};

/* The next row in order of the tables; NULL: no more. */
const struct op *rows_next(const struct mount_type *type, struct rows_at *at);

/* The next row whose path no earlier row has. */
const struct op *rows_next_path(
	const struct mount_type *type, struct rows_at *at);

/* The rows of a path by verb, NULL where there is none. */
void rows_of_path(const struct mount_type *type, const char *path,
	const struct op *ret_ops[OP_VERB_COUNT]);

/* Cut the next capture's name off a path pattern; false: no more. */
bool rows_next_capture(const char **path, struct span *ret_name);

/* The field of this name, or NULL. */
const struct field *rows_field(const struct field *fields, struct span name);

/* A field that documentation shows: no path capture, no old name. */
bool rows_shows(const struct op *op, const struct field *field);

#endif
