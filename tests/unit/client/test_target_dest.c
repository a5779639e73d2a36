/* M-16: where a target is, as people write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/target_dest.h"
#include "tests/support/in_arena.h"

static void
each_form_is_read(void **state)
{
	static const struct {
		const char *text, *user, *host;
		int64_t port;
	} rows[] = {
		{ "nas", "", "nas", 0 },
		{ "nas:2222", "", "nas", 2222 },
		{ "root@nas", "root", "nas", 0 },
		{ "root@nas:22", "root", "nas", 22 },
		{ "10.1.2.3", "", "10.1.2.3", 0 },
		{ "10.1.2.3:1", "", "10.1.2.3", 1 },
		{ "admin@10.1.2.3:65535", "admin", "10.1.2.3", 65535 },
		{ "2001:db8::1", "", "2001:db8::1", 0 },
		{ "::1", "", "::1", 0 },
		{ "[::1]", "", "::1", 0 },
		{ "[2001:db8::1]:2222", "", "2001:db8::1", 2222 },
		{ "fe80::1%eth0", "", "fe80::1%eth0", 0 },
		{ "user@fe80::1%eth0", "user", "fe80::1%eth0", 0 },
		{ "user@[fe80::1%eth0]", "user", "fe80::1%eth0", 0 },
		{ "user@[fe80::1%eth0]:2222", "user", "fe80::1%eth0", 2222 },
		{ "user@[nas]:2222", "user", "nas", 2222 },
		{ "a@b@nas", "a@b", "nas", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct target_dest dest;
		struct err err = { 0 };

		assert_int_equal(
			target_dest_parse(arena, rows[i].text, &dest, &err), 0);
		assert_string_equal(dest.user, rows[i].user);
		assert_string_equal(dest.host, rows[i].host);
		assert_int_equal(dest.port, rows[i].port);
	}
}

static void
what_is_no_place_is_refused(void **state)
{
	static const char *const rows[] = { "", "@nas", "user@", ":22",
		"nas:", "nas:0", "nas:65536", "nas:-1", "nas:22x", "nas: 22",
		"[::1", "[::1]:", "[::1]22", "[]:22", "[::1]:0",
		"-oProxyCommand=id", "-p22", "user@-oProxyCommand=id", "nas;id",
		"user`id`@nas", "a b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct target_dest dest = { .host = "untouched" };
		struct err err = { 0 };

		assert_int_equal(target_dest_parse(arena, rows[i], &dest, &err),
			ERR_INPUT);
		assert_string_equal(dest.host, "untouched");
		assert_int_not_equal(err.message[0], '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_read),
		cmocka_unit_test(what_is_no_place_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
