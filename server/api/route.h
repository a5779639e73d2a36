/*
 * From the path below a mount to the row that serves it. The tables of a mount
 * type are compiled into a tree of segments once; a look-up allocates nothing
 * but the captured texts.
 */
#ifndef SALLYPORT_SERVER_API_ROUTE_H
#define SALLYPORT_SERVER_API_ROUTE_H

#include "server/api/req.h"

struct route {
	/* The row; with ROUTE_NO_VERB any row of that path; else NULL. */
	const struct op *op;
	const struct op *const *all; /* rows of the path by verb, or NULL */
	struct req_pair captures[REQ_CAPTURES_MAX];
	size_t n_captures;
};

struct router;

/* The compiled tables of a type, made at the first call. NULL: no memory. */
const struct router *router_of(const struct mount_type *type);

/*
 * Find the row of path (below the mount) for verb. A list's path may end in
 * '/'; another path that does matches only where the row takes all the rest
 * (which loses the slash). Captures go into arena; ERR_MEMORY.
 */
int router_find(const struct router *router, const char *path,
	enum op_verb verb, struct arena *arena, struct route *ret_route,
	enum route_result *ret_result, struct err *err);

/* Any row of the path, for help; NULL: no such path. */
const struct op *router_any(const struct router *router, const char *path);

/* The row alone, without captures; NULL: none. */
const struct op *router_row(
	const struct router *router, const char *path, enum op_verb verb);

/* A path pattern as an anchored regular expression, into out. */
void route_regexp(const struct op *op, struct buf *out);

#endif
