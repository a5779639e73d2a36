/* Blocks in blocks. */
#include "lib/source_address.h"

#include "lib/buf.h"

#define LIST_MAX 65536

bool
source_address_is_good(const char *list)
{
	struct span piece;
	struct cidr cidr;
	size_t pos = 0, n = 0;

	for (; comma_next(list, &pos, &piece); n++) {
		if (cidr_parse_any(piece, &cidr) != 0)
			return false;
	}
	return n > 0;
}

bool
source_address_has(const char *list, const struct netaddr *addr)
{
	struct span piece;
	struct cidr cidr;
	size_t pos = 0;

	while (comma_next(list, &pos, &piece)) {
		if (cidr_parse_any(piece, &cidr) == 0 &&
			cidr_contains(&cidr, addr))
			return true;
	}
	return false;
}

static bool
has_block(const char *list, const struct cidr *wanted)
{
	struct span piece;
	struct cidr cidr;
	size_t pos = 0;

	while (comma_next(list, &pos, &piece)) {
		if (cidr_parse_any(piece, &cidr) == 0 &&
			cidr_covers(&cidr, wanted))
			return true;
	}
	return false;
}

bool
source_address_covers(const char *outer, const char *inner)
{
	struct span piece;
	struct cidr cidr;
	size_t pos = 0;

	if (!source_address_is_good(outer) || !source_address_is_good(inner))
		return false;
	while (comma_next(inner, &pos, &piece)) {
		if (cidr_parse_any(piece, &cidr) != 0 ||
			!has_block(outer, &cidr))
			return false;
	}
	return true;
}

const char *
source_address_format(const char *list, struct arena *arena)
{
	const char *text = NULL;
	struct span piece;
	struct cidr cidr;
	struct buf out;
	size_t pos = 0;

	buf_init(&out, LIST_MAX);
	while (comma_next(list, &pos, &piece)) {
		char block[CIDR_TEXT_MAX];

		if (cidr_parse_any(piece, &cidr) != 0)
			continue;
		cidr_format(&cidr, block);
		(void)buf_addf(&out, "%s%s", out.len > 0 ? "," : "", block);
	}
	if (out.rc == 0)
		text = arena_strdup(arena, buf_str(&out));
	buf_clear(&out);
	return text;
}
