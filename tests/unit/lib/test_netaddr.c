/* Addresses and blocks: one parser, mapped addresses folded. */
#include "lib/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct netaddr
addr_of(const char *text)
{
	struct netaddr addr = { 0 };

	assert_int_equal(netaddr_parse(span_str(text), &addr), 0);
	return addr;
}

static struct cidr
cidr_of(const char *text)
{
	struct cidr cidr = { 0 };

	assert_int_equal(cidr_parse(span_str(text), &cidr), 0);
	return cidr;
}

static void
addresses_print_canonically(void **state)
{
	static const char *const pairs[][2] = { { "10.1.2.3", "10.1.2.3" },
		{ "0.0.0.0", "0.0.0.0" }, { "::ffff:10.1.2.3", "10.1.2.3" },
		{ "::FFFF:a01:203", "10.1.2.3" }, { "::", "::" },
		{ "::1", "::1" }, { "1::", "1::" },
		{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8" },
		{ "1:0:0:4:0:0:0:8", "1:0:0:4::8" },
		{ "0:0:0:0:0:0:102:304", "::102:304" },
		{ "fe80::0001", "fe80::1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(pairs); i++) {
		struct netaddr addr = addr_of(pairs[i][0]);
		char out[NETADDR_TEXT_MAX];

		netaddr_format(&addr, out);
		assert_string_equal(out, pairs[i][1]);
	}
}

static void
loose_addresses_are_refused(void **state)
{
	static const char *const bad[] = { "", "10.1.2", "10.1.2.3.4",
		"010.1.2.3", "10.1.2.03", "10.1.2.256", " 10.1.2.3",
		"10.1.2.3 ", "10.1.2.3:22", "[::1]", "fe80::1%eth0", "1::2::3",
		":::", "1:2:3:4:5:6:7", "12345::", "::ffff:010.1.2.3",
		"::ffff:1.2.3", "0x0a010203", "167838211", "localhost",
		"1.2.3.4/32", "+1.2.3.4", "1.2.3.4\n",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };
	struct netaddr addr = { .family = 99 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			netaddr_parse(span_str(bad[i]), &addr), ERR_INPUT);
	assert_int_equal(
		netaddr_parse(span_of("1.2.3.4\0x", 9), &addr), ERR_INPUT);
	assert_int_equal(addr.family, 99);
}

static void
blocks_are_masked_and_mapped_ones_folded(void **state)
{
	static const struct {
		const char *text, *base;
		uint8_t prefix;
	} good[] = { { "10.1.2.3/8", "10.0.0.0", 8 },
		{ "0.0.0.0/0", "0.0.0.0", 0 }, { "1.2.3.4/32", "1.2.3.4", 32 },
		{ "255.255.255.255/17", "255.255.128.0", 17 },
		{ "::ffff:10.1.2.3/104", "10.0.0.0", 8 },
		{ "::ffff:0:0/96", "0.0.0.0", 0 }, { "::/0", "::", 0 },
		{ "2001:db8::ff/127", "2001:db8::fe", 127 },
		{ "fe80::1/10", "fe80::", 10 } };

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		struct cidr cidr = cidr_of(good[i].text);
		char out[NETADDR_TEXT_MAX];

		netaddr_format(&cidr.base, out);
		assert_string_equal(out, good[i].base);
		assert_int_equal(cidr.prefix, good[i].prefix);
	}
}

static void
loose_blocks_are_refused(void **state)
{
	static const char *const bad[] = { "", "/", "10.0.0.0", "10.0.0.0/",
		"10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/01", "10.0.0.0/00",
		"10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.0/8 ",
		"10.0.0.0/255.0.0.0", "10.0.0.0/8/8", "10.0/8", "::/129",
		"::ffff:10.0.0.0/95", "::ffff:10.0.0.0/8", "/8", "::1",
		"10.0.0.0/4294967304" };
	struct cidr cidr = { .prefix = 77 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			cidr_parse(span_str(bad[i]), &cidr), ERR_INPUT);
	assert_int_equal(cidr.prefix, 77);
}

static void
blocks_of_one_address_may_leave_out_the_prefix(void **state)
{
	static const struct {
		const char *text, *shown;
	} good[] = { { "10.1.2.3", "10.1.2.3" }, { "10.1.2.3/32", "10.1.2.3" },
		{ "10.1.2.3/8", "10.0.0.0/8" }, { "::1/128", "::1" },
		{ "fe80::1/10", "fe80::/10" }, { "0.0.0.0/0", "0.0.0.0/0" },
		{ "::ffff:10.0.0.1", "10.0.0.1" } };

	static const char *const some[] = { "10.0.0.0/8", "::1" };
	struct netaddr in = { 0 }, out = { 0 }, unset = { 0 };
	char text[CIDR_TEXT_MAX];
	struct cidr cidr;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(
			cidr_parse_any(span_str(good[i].text), &cidr), 0);
		cidr_format(&cidr, text);
		assert_string_equal(text, good[i].shown);
	}
	assert_int_equal(cidr_parse_any(span_str("10.0.0"), &cidr), ERR_INPUT);
	assert_int_equal(cidr_parse_any(SPAN_NONE, &cidr), ERR_INPUT);
	assert_int_equal(netaddr_parse(span_str("10.9.9.9"), &in), 0);
	assert_int_equal(netaddr_parse(span_str("::2"), &out), 0);
	assert_true(cidr_any_contains(some, 2, &in));
	assert_false(cidr_any_contains(some, 2, &out));
	assert_false(cidr_any_contains(some, 2, &unset));
	assert_false(cidr_any_contains(some, 0, &in));
}

static void
blocks_contain_and_cover(void **state)
{
	struct cidr ten = cidr_of("10.0.0.0/8"), all = cidr_of("0.0.0.0/0");
	struct cidr six = cidr_of("::/0"), odd = cidr_of("10.128.0.0/9");
	struct cidr unset = { 0 };
	struct netaddr in = addr_of("::ffff:10.9.8.7");
	struct netaddr out = addr_of("11.0.0.0"), v6 = addr_of("2001::1");
	struct netaddr none = { 0 };

	(void)state;
	assert_true(cidr_contains(&ten, &in));
	assert_false(cidr_contains(&ten, &out));
	assert_true(cidr_contains(&all, &out));
	assert_false(cidr_contains(&all, &v6));
	assert_true(cidr_contains(&six, &v6));
	assert_false(cidr_contains(&six, &in));
	assert_false(cidr_contains(&unset, &in));
	assert_false(cidr_contains(&unset, &none));
	assert_false(cidr_contains(&odd, &in));
	assert_true(cidr_covers(&all, &ten));
	assert_true(cidr_covers(&ten, &odd));
	assert_true(cidr_covers(&ten, &ten));
	assert_false(cidr_covers(&odd, &ten));
	assert_false(cidr_covers(&six, &ten));
	odd = cidr_of("10.0.0.0/9");
	assert_true(cidr_covers(&ten, &odd));
	assert_false(cidr_covers(&odd, &ten));
}

static void
special_ranges_are_known(void **state)
{
	static const struct {
		const char *text;
		bool loopback, link_local;
	} rows[] = { { "127.255.0.1", 1, 0 }, { "::1", 1, 0 },
		{ "::ffff:127.0.0.1", 1, 0 }, { "::2", 0, 0 },
		{ "169.254.1.1", 0, 1 }, { "169.255.1.1", 0, 0 },
		{ "fe80::1", 0, 1 }, { "febf::1", 0, 1 }, { "fec0::1", 0, 0 },
		{ "0.0.0.0", 0, 0 }, { "::", 0, 0 }, { "10.0.0.1", 0, 0 } };

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct netaddr addr = addr_of(rows[i].text);

		assert_int_equal(netaddr_is_loopback(&addr), rows[i].loopback);
		assert_int_equal(
			netaddr_is_link_local(&addr), rows[i].link_local);
	}
}

static void
socket_addresses_are_folded(void **state)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_scope_id = 3 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr other = { .sa_family = AF_UNIX };
	struct netaddr want = addr_of("10.1.2.3"), got = { 0 };

	(void)state;
	inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr);
	inet_pton(AF_INET, "10.1.2.3", &in.sin_addr);
	assert_int_equal(
		netaddr_from_sockaddr((struct sockaddr *)&in6, &got), 0);
	assert_true(netaddr_equal(&got, &want));
	assert_int_equal(
		netaddr_from_sockaddr((struct sockaddr *)&in, &got), 0);
	assert_true(netaddr_equal(&got, &want));
	assert_int_equal(netaddr_from_sockaddr(&other, &got), ERR_INPUT);
}

static void
comma_lists_are_trimmed(void **state)
{
	static const char *const want[] = { "a", "b c", "d" };
	struct span piece;
	size_t pos = 0, n = 0;

	(void)state;
	while (comma_next(" a,, b c ,\t,d,", &pos, &piece)) {
		assert_true(n < 3);
		assert_true(span_equal(piece, span_str(want[n])));
		n++;
	}
	assert_int_equal(n, 3);
	pos = 0;
	assert_false(comma_next("", &pos, &piece));
	pos = 0;
	assert_false(comma_next(" , ,", &pos, &piece));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_print_canonically),
		cmocka_unit_test(loose_addresses_are_refused),
		cmocka_unit_test(blocks_are_masked_and_mapped_ones_folded),
		cmocka_unit_test(loose_blocks_are_refused),
		cmocka_unit_test(
			blocks_of_one_address_may_leave_out_the_prefix),
		cmocka_unit_test(blocks_contain_and_cover),
		cmocka_unit_test(special_ranges_are_known),
		cmocka_unit_test(socket_addresses_are_folded),
		cmocka_unit_test(comma_lists_are_trimmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
