/*
 * Addresses and blocks. inet_pton is the grammar (strict in glibc: no leading
 * zeros, no short forms); folding of mapped addresses happens here and
 * nowhere else.
 */
#include "lib/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/number.h"

#define MAPPED_BITS 96
#define ZONE_MAX 15 /* IFNAMSIZ less its NUL */

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool
is_mapped(const struct netaddr *addr)
{
	return addr->family == 6 &&
		memcmp(addr->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void
fold(struct netaddr *addr)
{
	struct netaddr v4 = { .family = 4 };

	memcpy(v4.bytes, addr->bytes + sizeof(mapped_prefix), 4);
	*addr = v4;
}

/* Text to address as written, mapped or not. */
static int
parse_unfolded(struct span text, struct netaddr *ret_addr)
{
	struct netaddr addr = { 0 };
	char literal[NETADDR_TEXT_MAX];
	bool is_v6;

	if (text.len == 0 || text.len >= sizeof(literal) ||
		memchr(text.data, '\0', text.len) != NULL)
		return ERR_INPUT;
	memcpy(literal, text.data, text.len);
	literal[text.len] = '\0';
	is_v6 = strchr(literal, ':') != NULL;
	addr.family = is_v6 ? 6 : 4;
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, literal, addr.bytes) != 1)
		return ERR_INPUT;
	*ret_addr = addr;
	return 0;
}

int
netaddr_parse(struct span text, struct netaddr *ret_addr)
{
	struct netaddr addr;

	if (parse_unfolded(text, &addr) != 0)
		return ERR_INPUT;
	if (is_mapped(&addr))
		fold(&addr);
	*ret_addr = addr;
	return 0;
}

static bool
is_zone(struct span text)
{
	static const char zone_chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\0' ||
			strchr(zone_chars, text.data[i]) == NULL)
			return false;
	}
	return text.len >= 1 && text.len <= ZONE_MAX;
}

int
netaddr_parse_zoned(
	struct span text, struct netaddr *ret_addr, struct span *ret_zone)
{
	const uint8_t *sign =
		text.len == 0 ? NULL : memchr(text.data, '%', text.len);
	struct netaddr addr;
	struct span zone;
	size_t len;

	if (sign == NULL)
		return ERR_INPUT;
	len = (size_t)(sign - text.data);
	zone = span_skip(text, len + 1);
	if (netaddr_parse(span_of(text.data, len), &addr) != 0 ||
		addr.family != 6 || !netaddr_is_link_local(&addr) ||
		!is_zone(zone))
		return ERR_INPUT;
	*ret_addr = addr;
	*ret_zone = zone;
	return 0;
}

/* The longest run of two or more zero groups, the first of equals. */
static void
find_zero_run(const uint16_t groups[8], int *ret_start, int *ret_len)
{
	int i, run = 0;

	*ret_start = -1;
	*ret_len = 1;
	for (i = 0; i < 8; i++) {
		run = groups[i] == 0 ? run + 1 : 0;
		if (run > *ret_len) {
			*ret_len = run;
			*ret_start = i + 1 - run;
		}
	}
}

/* inet_ntop prints ::1.2.3.4 in a mixed form that RFC 5952 does not want. */
static void
format_v6(const uint8_t bytes[16], char out[NETADDR_TEXT_MAX])
{
	uint16_t groups[8];
	int i, start, run;
	size_t len = 0;

	for (i = 0; i < 8; i++)
		groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	find_zero_run(groups, &start, &run);
	out[0] = '\0';
	for (i = 0; i < 8; i++) {
		const char *colon =
			i == 0 || (start >= 0 && i == start + run) ? "" : ":";

		if (i == start) {
			len += (size_t)snprintf(
				out + len, NETADDR_TEXT_MAX - len, "::");
			i += run - 1;
			continue;
		}
		len += (size_t)snprintf(out + len, NETADDR_TEXT_MAX - len,
			"%s%x", colon, (unsigned)groups[i]);
	}
}

/* 0 to 255 in decimal; what follows it. */
static char *
put_byte(char *out, uint8_t n)
{
	if (n >= 100)
		*out++ = (char)('0' + n / 100);
	if (n >= 10)
		*out++ = (char)('0' + n / 10 % 10);
	*out++ = (char)('0' + n % 10);
	return out;
}

static void
format_v4(const uint8_t bytes[4], char *out)
{
	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			*out++ = '.';
		out = put_byte(out, bytes[i]);
	}
	*out = '\0';
}

void
netaddr_format(const struct netaddr *addr, char out[NETADDR_TEXT_MAX])
{
	const uint8_t *b = addr->bytes;

	if (addr->family == 6)
		format_v6(b, out);
	else if (addr->family == 4)
		format_v4(b, out);
	else
		out[0] = '\0';
}

int
netaddr_from_sockaddr(const struct sockaddr *sa, struct netaddr *ret_addr)
{
	struct netaddr addr = { 0 };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	/* Copies, since the pointer may come from a byte buffer. */
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		addr.family = 4;
		memcpy(addr.bytes, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		addr.family = 6;
		memcpy(addr.bytes, &in6.sin6_addr, 16);
	} else {
		return ERR_INPUT;
	}
	if (is_mapped(&addr))
		fold(&addr);
	*ret_addr = addr;
	return 0;
}

bool
netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
	return a->family == b->family &&
		memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* The first prefix bits of a and b are the same. */
static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool
netaddr_is_loopback(const struct netaddr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (addr->family == 4)
		return addr->bytes[0] == 127;
	return addr->family == 6 && memcmp(addr->bytes, one, 16) == 0;
}

bool
netaddr_is_link_local(const struct netaddr *addr)
{
	static const uint8_t v4[] = { 169, 254 }, v6[] = { 0xfe, 0x80 };

	if (addr->family == 4)
		return bits_equal(addr->bytes, v4, 16);
	return addr->family == 6 && bits_equal(addr->bytes, v6, 10);
}

static unsigned
family_bits(const struct netaddr *addr)
{
	return addr->family == 4 ? 32 : 128;
}

/* Plain decimal up to max, without leading zeros. */
static int
parse_prefix(struct span text, unsigned max, unsigned *ret_prefix)
{
	uint64_t n;

	if (text.len > 1 && text.data[0] == '0')
		return ERR_INPUT;
	if (number_parse_u64(text, max, &n) != 0)
		return ERR_INPUT;
	*ret_prefix = (unsigned)n;
	return 0;
}

static void
mask(uint8_t bytes[16], unsigned prefix)
{
	unsigned i;

	for (i = 0; i < 16; i++) {
		unsigned keep = prefix > 8 * i ? prefix - 8 * i : 0;

		if (keep < 8)
			bytes[i] &= (uint8_t)(0xff00U >> keep);
	}
}

int
cidr_parse(struct span text, struct cidr *ret_cidr)
{
	const uint8_t *slash = NULL;
	struct netaddr base;
	unsigned prefix;
	size_t len;

	if (text.len > 0)
		slash = memchr(text.data, '/', text.len);
	if (slash == NULL)
		return ERR_INPUT;
	len = (size_t)(slash - text.data);
	if (parse_unfolded(span_of(text.data, len), &base) != 0)
		return ERR_INPUT;
	if (parse_prefix(
		    span_skip(text, len + 1), family_bits(&base), &prefix) != 0)
		return ERR_INPUT;
	if (is_mapped(&base)) {
		if (prefix < MAPPED_BITS)
			return ERR_INPUT;
		fold(&base);
		prefix -= MAPPED_BITS;
	}
	mask(base.bytes, prefix);
	*ret_cidr = (struct cidr){ .base = base, .prefix = (uint8_t)prefix };
	return 0;
}

int
cidr_parse_any(struct span text, struct cidr *ret_cidr)
{
	struct cidr cidr;

	if (text.len > 0 && memchr(text.data, '/', text.len) != NULL)
		return cidr_parse(text, ret_cidr);
	if (netaddr_parse(text, &cidr.base) != 0)
		return ERR_INPUT;
	cidr.prefix = (uint8_t)family_bits(&cidr.base);
	*ret_cidr = cidr;
	return 0;
}

void
cidr_format(const struct cidr *cidr, char out[CIDR_TEXT_MAX])
{
	size_t len;

	netaddr_format(&cidr->base, out);
	len = strlen(out);
	if (cidr->prefix != family_bits(&cidr->base))
		(void)snprintf(out + len, CIDR_TEXT_MAX - len, "/%u",
			(unsigned)cidr->prefix);
}

bool
cidr_contains(const struct cidr *cidr, const struct netaddr *addr)
{
	return cidr->base.family != 0 && cidr->base.family == addr->family &&
		bits_equal(cidr->base.bytes, addr->bytes, cidr->prefix);
}

bool
cidr_any_contains(
	const char *const *blocks, size_t n, const struct netaddr *addr)
{
	struct cidr cidr;

	for (size_t i = 0; i < n; i++) {
		if (cidr_parse_any(span_str(blocks[i]), &cidr) == 0 &&
			cidr_contains(&cidr, addr))
			return true;
	}
	return false;
}

bool
cidr_covers(const struct cidr *outer, const struct cidr *inner)
{
	return outer->prefix <= inner->prefix &&
		cidr_contains(outer, &inner->base);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool
comma_next(const char *list, size_t *pos, struct span *ret_piece)
{
	while (list[*pos] != '\0') {
		size_t start = *pos + strspn(list + *pos, ", \t\r\n");
		size_t len = strcspn(list + start, ",");

		*pos = start + len;
		while (len > 0 && is_blank(list[start + len - 1]))
			len--;
		if (len == 0)
			continue;
		*ret_piece = span_of(list + start, len);
		return true;
	}
	return false;
}
