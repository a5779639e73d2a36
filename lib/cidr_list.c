/* Blocks of addresses, checked, compared and narrowed. */
#include "lib/cidr_list.h"

int
cidr_list_check(struct arena *arena, const char *field, struct str_list *blocks,
	struct err *err)
{
	char text[CIDR_TEXT_MAX];
	struct cidr cidr;

	if (blocks->n > CIDR_LIST_MAX)
		return err_set(err, ERR_INPUT, 400,
			"'%s' has more than %d blocks", field, CIDR_LIST_MAX);
	for (size_t i = 0; i < blocks->n; i++) {
		if (cidr_parse_any(span_str(blocks->items[i]), &cidr) != 0)
			return err_set(err, ERR_INPUT, 400,
				"\"%.64s\" in '%s' is no CIDR block, such as 10.0.0.0/8",
				blocks->items[i], field);
		cidr_format(&cidr, text);
		blocks->items[i] = arena_strdup(arena, text);
		if (blocks->items[i] == NULL)
			return err_set_memory(err);
	}
	return 0;
}

bool
cidr_list_allows(const struct str_list *blocks, const struct netaddr *addr)
{
	return blocks->n == 0 ||
		cidr_any_contains(blocks->items, blocks->n, addr);
}

/* Whether the block called inner lies in the one called outer. */
static bool
covers(const char *outer, const char *inner)
{
	struct cidr wide, narrow;

	return cidr_parse_any(span_str(outer), &wide) == 0 &&
		cidr_parse_any(span_str(inner), &narrow) == 0 &&
		cidr_covers(&wide, &narrow);
}

static bool
any_covers(const struct str_list *outer, const char *inner)
{
	for (size_t i = 0; i < outer->n; i++) {
		if (covers(outer->items[i], inner))
			return true;
	}
	return false;
}

bool
cidr_list_covers(const struct str_list *outer, const struct str_list *inner)
{
	if (outer->n == 0)
		return true;
	for (size_t i = 0; i < inner->n; i++) {
		if (!any_covers(outer, inner->items[i]))
			return false;
	}
	return true;
}

/* Those of some that lie in one of others and are not there yet. */
static void
add_covered(struct str_list *to, const struct str_list *some,
	const struct str_list *others)
{
	for (size_t i = 0; i < some->n; i++) {
		if (any_covers(others, some->items[i]) &&
			!any_covers(to, some->items[i]))
			to->items[to->n++] = some->items[i];
	}
}

int
cidr_list_narrow(const struct str_list *a, const struct str_list *b,
	struct arena *arena, struct str_list *ret_blocks, struct err *err)
{
	struct str_list both = { .n = 0 };

	if (a->n == 0 || b->n == 0) {
		*ret_blocks = a->n == 0 ? *b : *a;
		return 0;
	}
	both.items = ARENA_ARRAY(arena, const char *, a->n + b->n);
	if (both.items == NULL)
		return err_set_memory(err);
	/* Of two blocks that meet one lies in the other. */
	add_covered(&both, b, a);
	add_covered(&both, a, b);
	if (both.n == 0)
		return err_set(err, ERR_DENIED, 403, "permission denied");
	*ret_blocks = both;
	return 0;
}
