/*
 * Any bytes as an address, a block and a comma list: what is read prints as a
 * text that is read as the same, and is never an IPv4-mapped address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_folded(const struct netaddr *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (addr->family != 4 &&
		(addr->family != 6 || memcmp(addr->bytes, mapped, 12) == 0))
		abort();
}

static void
check_address(struct span text)
{
	struct netaddr addr, again;
	char out[NETADDR_TEXT_MAX];

	if (netaddr_parse(text, &addr) != 0)
		return;
	check_folded(&addr);
	netaddr_format(&addr, out);
	if (netaddr_parse(span_str(out), &again) != 0 ||
		!netaddr_equal(&addr, &again))
		abort();
}

/* No bit is set behind the prefix, and one before it matters. */
static void
check_masked(const struct cidr *cidr)
{
	unsigned n_bits = cidr->base.family == 4 ? 32 : 128;

	for (unsigned bit = 0; bit < n_bits; bit++) {
		struct netaddr other = cidr->base;

		other.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		if (bit >= cidr->prefix &&
			(cidr->base.bytes[bit / 8] & 0x80 >> bit % 8) != 0)
			abort();
		if (cidr_contains(cidr, &other) != (bit >= cidr->prefix))
			abort();
	}
}

static void
check_printed(const struct cidr *cidr)
{
	char text[NETADDR_TEXT_MAX], block[NETADDR_TEXT_MAX + 5];
	struct cidr again;

	netaddr_format(&cidr->base, text);
	(void)snprintf(
		block, sizeof(block), "%s/%u", text, (unsigned)cidr->prefix);
	if (cidr_parse(span_str(block), &again) != 0 ||
		again.prefix != cidr->prefix ||
		!netaddr_equal(&again.base, &cidr->base))
		abort();
}

static void
check_block(struct span text)
{
	struct cidr cidr;

	if (cidr_parse(text, &cidr) != 0)
		return;
	check_folded(&cidr.base);
	if (cidr.prefix > (cidr.base.family == 4 ? 32 : 128) ||
		!cidr_contains(&cidr, &cidr.base) || !cidr_covers(&cidr, &cidr))
		abort();
	check_masked(&cidr);
	check_printed(&cidr);
}

static void
check_list(struct span text)
{
	char list[256];
	struct span piece;
	size_t pos = 0, len = text.len < 255 ? text.len : 255;

	if (len > 0)
		memcpy(list, text.data, len);
	list[len] = '\0';
	while (comma_next(list, &pos, &piece)) {
		if (piece.len == 0 || memchr(piece.data, ',', piece.len))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);

	check_address(text);
	check_block(text);
	check_list(text);
	return 0;
}
