/*
 * The one parser of addresses and CIDR blocks, used by roles, creds, verify,
 * lookup, listeners and the helper. An IPv4-mapped IPv6 address becomes IPv4
 * before anything else looks at it (spec/README.md, reliability.md L50).
 */
#ifndef SALLYPORT_LIB_NETADDR_H
#define SALLYPORT_LIB_NETADDR_H

#include "lib/err.h"
#include "lib/span.h"

#define NETADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

struct sockaddr;

struct netaddr {
	uint8_t family;    /* 4 or 6; 0 where unset */
	uint8_t bytes[16]; /* IPv4: the first four */
};

struct cidr {
	struct netaddr base; /* masked */
	uint8_t prefix;      /* 0..32 or 0..128, of base.family */
};

/*
 * An IP literal: dotted quad without leading zeros, or RFC 4291 text; no zone,
 * port, brackets or blanks. Mapped IPv6 gives IPv4. ERR_INPUT.
 */
int netaddr_parse(struct span text, struct netaddr *ret_addr);

/*
 * "fe80::1%eth0": a link-local IPv6 address and the interface that it is on
 * (RFC 4007 section 11), of 1 to 15 letters, digits, '.', '_', '-'. ERR_INPUT.
 */
int netaddr_parse_zoned(
	struct span text, struct netaddr *ret_addr, struct span *ret_zone);

/* Canonical text: dotted quad, or RFC 5952. */
void netaddr_format(const struct netaddr *addr, char out[NETADDR_TEXT_MAX]);

/* From a socket address (zone dropped, mapped folded). ERR_INPUT: neither. */
int netaddr_from_sockaddr(const struct sockaddr *sa, struct netaddr *ret_addr);

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);

/* 127/8 or ::1. */
bool netaddr_is_loopback(const struct netaddr *addr);

/* 169.254/16 or fe80::/10. */
bool netaddr_is_link_local(const struct netaddr *addr);

/*
 * "addr/prefix"; host bits are masked away; prefix in plain decimal without
 * leading zeros; a mapped base needs a prefix of 96 or more, which becomes
 * IPv4's. ERR_INPUT.
 */
int cidr_parse(struct span text, struct cidr *ret_cidr);

/* The same, or an address, which is a block of one. */
int cidr_parse_any(struct span text, struct cidr *ret_cidr);

#define CIDR_TEXT_MAX (NETADDR_TEXT_MAX + 4)

/* Canonical text; a block of one address is that address. */
void cidr_format(const struct cidr *cidr, char out[CIDR_TEXT_MAX]);

bool cidr_contains(const struct cidr *cidr, const struct netaddr *addr);

/*
 * Whether addr lies in one of n blocks, as cidr_parse_any takes them. An unset
 * address lies in none.
 */
bool cidr_any_contains(
	const char *const *blocks, size_t n, const struct netaddr *addr);

/* inner lies wholly inside outer. */
bool cidr_covers(const struct cidr *outer, const struct cidr *inner);

/*
 * One comma list, pieces trimmed, empty pieces skipped, walked with a cursor:
 * start with *pos = 0; true while a piece was found.
 */
bool comma_next(const char *list, size_t *pos, struct span *ret_piece);

#endif
