/*
 * Any bytes before the scan of limits: it ends, reads nothing past the end,
 * and what it lets through never makes a tree beyond the limits.
 */
#include <stdlib.h>

#include "lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
count(const struct value *value, size_t depth, struct json_limits *n)
{
	bool nested = value->type == VALUE_LIST || value->type == VALUE_OBJECT;

	n->nodes++;
	n->strings += value->type == VALUE_STRING;
	if (!nested)
		return;
	if (depth + 1 > n->depth)
		n->depth = depth + 1;
	VALUE_EACH (child, value) {
		n->keys += value->type == VALUE_OBJECT;
		count(child, depth + 1, n);
	}
}

static void
check_counts(const struct value *value, const struct json_limits *limits)
{
	struct json_limits n = { 0 };

	count(value, 0, &n);
	if (n.depth > limits->depth || n.strings > limits->strings ||
		n.keys > limits->keys || n.nodes > limits->nodes)
		abort();
}

/* A valid text passes limits that are just its own counts, and no lower. */
static void
check_exact(struct span text, const struct value *value)
{
	struct json_limits n = { 0 };

	count(value, 0, &n);
	if (json_scan(text, &n, NULL) != 0)
		abort();
	n.nodes--;
	if (json_scan(text, &n, NULL) != ERR_LIMIT)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_limits limits = { 8, 50, 50, 100 };
	struct arena *arena = arena_new(16 << 20);
	struct span text = span_of(data, size);
	struct value *value = NULL;
	int scanned, parsed;

	if (arena == NULL)
		return 0;
	json_setup();
	scanned = json_scan(text, &limits, NULL);
	parsed = json_parse(text, &limits, arena, &value, NULL);
	if (scanned != 0 && parsed != scanned)
		abort();
	if (parsed == 0) {
		check_counts(value, &limits);
		check_exact(text, value);
	}
	arena_free(&arena);
	return 0;
}
