/*
 * A tree of path segments for each mount type: literals, one name capture and
 * the rows that take the rest. Matching goes from the special to the general:
 * literal, capture, rest with a tail, rest.
 */
#include "server/api/route.h"
#include "lib/lock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROUTERS_MAX 32
#define ROUTER_BYTES_MAX (1024 * 1024)

/* Rows that take the rest of a path, up to a fixed tail ("" for none). */
struct rest {
	struct span tail;
	const struct op *ops[OP_VERB_COUNT];
	struct rest *next; /* a shorter tail */
};

struct node {
	struct span text; /* of a literal segment */
	const struct op *ops[OP_VERB_COUNT];
	struct node *literals; /* first child of this kind */
	struct node *capture;
	struct rest *rests;
	struct node *next; /* the next sibling */
};

struct router {
	struct node root;
};

/* ---- building -------------------------------------------------------- */

/* Cut the first segment off a path. */
static struct span
cut_segment(const char **path)
{
	size_t len = strcspn(*path, "/");
	struct span segment = span_of(*path, len);

	*path += len;
	if (**path == '/')
		(*path)++;
	return segment;
}

static struct node *
find_literal(const struct node *node, struct span text)
{
	struct node *child = node->literals;

	while (child != NULL && !span_equal(child->text, text))
		child = child->next;
	return child;
}

static struct node *
add_child(struct node *node, struct span text, struct arena *arena)
{
	bool captures = text.len > 0 && text.data[0] == ':';
	struct node *child = node->capture;

	if (!captures)
		child = find_literal(node, text);
	if (child != NULL)
		return child;
	child = ARENA_NEW(arena, struct node);
	if (child == NULL)
		return NULL;
	child->text = text;
	if (captures) {
		node->capture = child;
	} else {
		child->next = node->literals;
		node->literals = child;
	}
	return child;
}

/* The rest rows of a node with this tail, kept with longer tails first. */
static struct rest *
add_rest(struct node *node, struct span tail, struct arena *arena)
{
	struct rest **at = &node->rests, *rest = NULL;

	while (*at != NULL && (*at)->tail.len > tail.len)
		at = &(*at)->next;
	if (*at != NULL && span_equal((*at)->tail, tail))
		return *at;
	rest = ARENA_NEW(arena, struct rest);
	if (rest == NULL)
		return NULL;
	rest->tail = tail;
	rest->next = *at;
	*at = rest;
	return rest;
}

/* Whether the segment at path is the capture that takes the rest. */
static bool
takes_rest(const struct op *op, const char *path)
{
	return (op->flags & OP_REST) != 0 && path[0] == ':' &&
		strstr(path + 1, "/:") == NULL;
}

static bool
add_op(struct router *router, const struct op *op, struct arena *arena)
{
	struct node *node = &router->root;
	struct rest *rest = NULL;
	const char *path = op->path;
	const struct op **slot = NULL;

	while (node != NULL && *path != '\0' && !takes_rest(op, path))
		node = add_child(node, cut_segment(&path), arena);
	if (node == NULL)
		return false;
	slot = &node->ops[op->verb];
	if (*path != '\0') {
		cut_segment(&path);
		rest = add_rest(node, span_str(path), arena);
		if (rest == NULL)
			return false;
		slot = &rest->ops[op->verb];
	}
	if (*slot == NULL)
		*slot = op;
	return true;
}

static struct router *
build(const struct mount_type *type)
{
	/* Never freed: there is one of each type as long as we run. */
	struct arena *arena = arena_new(ROUTER_BYTES_MAX);
	struct router *router = NULL;
	const struct op *op = NULL;
	size_t i;

	if (arena != NULL)
		router = ARENA_NEW(arena, struct router);
	for (i = 0; router != NULL && type->tables[i] != NULL; i++) {
		for (op = type->tables[i]; op->path != NULL; op++) {
			if (!add_op(router, op, arena))
				router = NULL;
			if (router == NULL)
				break;
		}
	}
	if (router == NULL)
		arena_free(&arena);
	return router;
}

static struct guard routers_guard;

static struct {
	pthread_mutex_t lock; /* for adding */
	atomic_size_t n; /* entries below it are complete and never change */

	struct {
		const struct mount_type *type;
		const struct router *router;
	} entries[ROUTERS_MAX];
} routers = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const struct router *
find_router(const struct mount_type *type)
{
	size_t i, n = atomic_load_explicit(&routers.n, memory_order_acquire);

	for (i = 0; i < n; i++) {
		if (routers.entries[i].type == type)
			return routers.entries[i].router;
	}
	return NULL;
}

const struct router *
router_of(const struct mount_type *type)
{
	const struct router *router = find_router(type);
	size_t n;

	if (router != NULL)
		return router;
	lock_take(&routers.lock, &routers_guard);
	router = find_router(type);
	n = atomic_load_explicit(&routers.n, memory_order_relaxed);
	if (router == NULL && n < ROUTERS_MAX)
		router = build(type);
	if (router != NULL && n < ROUTERS_MAX) {
		routers.entries[n].type = type;
		routers.entries[n].router = router;
		atomic_store_explicit(&routers.n, n + 1, memory_order_release);
	}
	lock_give(&routers.lock, &routers_guard);
	return router;
}

/* ---- matching -------------------------------------------------------- */

struct lookup {
	enum op_verb verb;
	bool any;                      /* any verb will do */
	bool slash;                    /* a '/' was cut off a path of no list */
	const struct op *const *found; /* rows of the path that has the verb */
	const struct op *const *other; /* rows of a path that has not */
};

static bool
is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		(c >= 'a' && c <= 'z') || c == '_';
}

static bool
is_name(struct span text)
{
	size_t i;

	if (text.len == 0 || !is_word(text.data[0]) ||
		!is_word(text.data[text.len - 1]))
		return false;
	for (i = 1; i + 1 < text.len; i++) {
		if (!is_word(text.data[i]) && text.data[i] != '-' &&
			text.data[i] != '.' && text.data[i] != '@')
			return false;
	}
	return true;
}

/* Whether these rows end the search. */
static bool
consider(struct lookup *lookup, const struct op *const *ops, bool is_rest)
{
	bool any = ops[OP_READ] != NULL || ops[OP_LIST] != NULL ||
		ops[OP_UPDATE] != NULL || ops[OP_DELETE] != NULL;

	if (lookup->slash && !is_rest) {
		/* "roles/" is the path of a list and of nothing else. */
		if (ops[OP_LIST] != NULL && lookup->other == NULL)
			lookup->other = ops;
		return false;
	}
	if (ops[lookup->verb] != NULL || (lookup->any && any)) {
		lookup->found = ops;
		return true;
	}
	if (any && lookup->other == NULL)
		lookup->other = ops;
	return false;
}

/* Something, a '/' and the tail; any path where there is none. */
static bool
has_tail(const char *path, struct span tail)
{
	size_t len = strlen(path);

	if (tail.len == 0)
		return true;
	if (len < tail.len + 2)
		return false;
	path += len - tail.len;
	return path[-1] == '/' && memcmp(path, tail.data, tail.len) == 0;
}

static bool
match_rest(const struct rest *rest, const char *path, struct lookup *lookup)
{
	for (; *path != '\0' && rest != NULL; rest = rest->next) {
		if (has_tail(path, rest->tail) &&
			consider(lookup, rest->ops, true))
			return true;
	}
	return false;
}

static bool
match(const struct node *node, const char *path, struct lookup *lookup)
{
	const char *behind = path;
	const struct node *child = NULL;
	struct span segment;

	if (*path == '\0')
		return consider(lookup, node->ops, false);
	segment = cut_segment(&behind);
	child = find_literal(node, segment);
	if (child != NULL && match(child, behind, lookup))
		return true;
	if (node->capture != NULL && is_name(segment) &&
		match(node->capture, behind, lookup))
		return true;
	return match_rest(node->rests, path, lookup);
}

/* Any row of the path, the most usual first. */
static const struct op *
pick(const struct op *const *ops)
{
	static const enum op_verb order[] = { OP_READ, OP_UPDATE, OP_LIST,
		OP_DELETE };

	size_t i;

	for (i = 0; i < ARRAY_LEN(order); i++) {
		if (ops[order[i]] != NULL)
			return ops[order[i]];
	}
	return NULL;
}

/* The bytes of the rest capture: all but what the pattern has behind it. */
static struct span
rest_text(const char *pattern, const char *path)
{
	size_t tail = strlen(pattern + strcspn(pattern, "/"));

	return span_of(path, strlen(path) - tail);
}

/* Walk pattern and path side by side and copy what the captures take. */
static int
take_captures(const char *path, struct arena *arena, struct route *route,
	bool *ret_dots, struct err *err)
{
	const char *pattern = route->op->path;
	struct req_pair *pair = NULL;
	struct span name, text;
	bool rest = false;

	*ret_dots = false;
	while (!rest && *pattern != '\0') {
		rest = takes_rest(route->op, pattern);
		text = rest ? rest_text(pattern, path) : cut_segment(&path);
		name = cut_segment(&pattern);
		if (name.data[0] != ':')
			continue;
		if (route->n_captures == REQ_CAPTURES_MAX)
			return err_set(
				err, ERR_INTERNAL, 500, "internal error");
		pair = &route->captures[route->n_captures++];
		pair->name = arena_strndup(arena, name.data + 1, name.len - 1);
		pair->value = arena_strndup(arena, text.data, text.len);
		if (pair->name == NULL || pair->value == NULL)
			return err_set_memory(err);
		if (!rest && strstr(pair->value, "..") != NULL)
			*ret_dots = true;
	}
	return 0;
}

/* Without the '/' at its end; a copy in arena. NULL: no memory. */
static const char *
cut_slash(const char *path, struct arena *arena, bool *ret_cut)
{
	size_t len = strlen(path);

	*ret_cut = len > 0 && path[len - 1] == '/';
	return *ret_cut ? arena_strndup(arena, path, len - 1) : path;
}

int
router_find(const struct router *router, const char *path, enum op_verb verb,
	struct arena *arena, struct route *ret_route,
	enum route_result *ret_result, struct err *err)
{
	struct lookup lookup = { .verb = verb };
	struct route route = { 0 };
	bool cut, dots;
	int rc;

	path = cut_slash(path, arena, &cut);
	if (path == NULL)
		return err_set_memory(err);
	lookup.slash = cut && verb != OP_LIST;
	*ret_route = route;
	*ret_result = ROUTE_NO_PATH;
	if (!match(&router->root, path, &lookup)) {
		/* What nobody lists has no such path (ssh-engine.md 1.1). */
		if (lookup.other == NULL || verb == OP_LIST)
			return 0;
		ret_route->op = pick(lookup.other);
		ret_route->all = lookup.other;
		*ret_result = ROUTE_NO_VERB;
		return 0;
	}
	route.op = lookup.found[verb];
	route.all = lookup.found;
	rc = take_captures(path, arena, &route, &dots, err);
	if (rc != 0)
		return rc;
	*ret_route = route;
	*ret_result = dots ? ROUTE_BAD_NAME : ROUTE_FOUND;
	return 0;
}

const struct op *
router_any(const struct router *router, const char *path)
{
	struct lookup lookup = { .any = true };

	return match(&router->root, path, &lookup) ? pick(lookup.found) : NULL;
}

const struct op *
router_row(const struct router *router, const char *path, enum op_verb verb)
{
	struct lookup lookup = { .verb = verb };

	return match(&router->root, path, &lookup) ? lookup.found[verb] : NULL;
}

void
route_regexp(const struct op *op, struct buf *out)
{
	const char *path = op->path;

	(void)buf_add_char(out, '^');
	while (*path != '\0') {
		bool rest = takes_rest(op, path);
		struct span segment = cut_segment(&path);

		if (segment.data[0] == ':')
			(void)buf_addf(out, "(?P<%.*s>%s)",
				(int)segment.len - 1,
				(const char *)segment.data + 1,
				rest ? ".+" : "\\w(([\\w-.@]+)?\\w)?");
		else
			(void)buf_add_span(out, segment);
		if (*path != '\0')
			(void)buf_add_char(out, '/');
	}
	(void)buf_add_str(out, op->verb == OP_LIST ? "/?$" : "$");
}
