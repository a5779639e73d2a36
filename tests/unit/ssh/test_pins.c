/* Host keys as people paste them, and what counts as the same key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/engines/ssh/profiles/pins.h"
#include "tests/support/in_arena.h"

#define ED25519_BASE64                                                         \
	"AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define ED25519 "ssh-ed25519 " ED25519_BASE64
#define ED25519_SHA256 "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"
#define OTHER                                                                  \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPIR3rhahVQP7NRzJA3ORE1NX+cpbvi0/iEvjjUEpr5m"
#define ECDSA                                                                  \
	"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBB/sZ9WLUpN3yrN2BsreWfXVwhQdyFbt4EWZhrlFbdeivvtXGG77x5JzU5sIfTA1pjSGj0xL1jTQgi0Vwy8C8Dk="
/* Of a device that knows no more: a pin is no judgement of it. */
#define RSA_1024                                                               \
	"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDALs28q+wqU7ZKrYGE3DrTlj6Lbe1O0Xb2cQL4MKSqukxTQ3bxZRolf3lZqC6Hfx7i2QAMHzd49EJkmAg30yF3/LxXvBrRvpweS61ei1YowOQkDQw2NtbirWCGGSo74OHpohpCykvf+L/Egbmf/I9A4nSPiOBjVkcUGzYaYWpNZw=="

static struct str_list
list_of(const char **items, size_t n)
{
	return (struct str_list){ .items = items, .n = n };
}

static void
each_way_of_writing_a_key_is_read(void **state)
{
	static const struct {
		const char *text, *pins[3];
	} rows[] = {
		{ ED25519, { ED25519 } },
		{ ED25519 " root@a b", { ED25519 } },
		{ "  \t" ED25519 "\r\n", { ED25519 } },
		{ "web1,10.1.2.3 " ED25519, { ED25519 } },
		{ "[web1]:2222 " ED25519 " here", { ED25519 } },
		{ "|1|c2FsdA==|aGFzaA== " ED25519, { ED25519 } },
		{ "# web1:22 SSH-2.0-x\nweb1 " ED25519 "\n\nweb1 " ECDSA "\n",
			{ ED25519, ECDSA } },
		{ ED25519_SHA256, { ED25519_SHA256 } },
		{ RSA_1024, { RSA_1024 } },
		{ ED25519 "\n" ED25519 " again", { ED25519 } },
		{ "", { NULL } },
		{ "# nothing\n", { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *items[] = { rows[i].text };
		struct str_list pins = list_of(items, 1);
		struct err err = { 0 };
		size_t n = 0;

		assert_int_equal(pins_settle(arena, &pins, &err), 0);
		for (; n < 3 && rows[i].pins[n] != NULL; n++) {
			assert_true(n < pins.n);
			assert_string_equal(pins.items[n], rows[i].pins[n]);
		}
		assert_int_equal(pins.n, n);
	}
}

static void
what_is_no_host_key_is_refused(void **state)
{
	static const char *const rows[] = { "wood", "ssh-ed25519",
		"ssh-ed25519 AAAA", "ssh-rsa " ED25519_BASE64,
		"ssh-ed25519-cert-v01@openssh.com " ED25519_BASE64,
		"@cert-authority *.example.com " ED25519,
		"SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU",
		"SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU!",
		"MD5:00:11:22", "ssh-ed25519 " ED25519_BASE64 "=",
		ED25519 "\nwood", "from=\"10.0.0.1\" x " ED25519 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *items[] = { rows[i] };
		struct str_list pins = list_of(items, 1);
		struct err err = { 0 };

		assert_int_equal(pins_settle(arena, &pins, &err), ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_ptr_equal(pins.items, items);
	}
}

static void
there_is_a_bound(void **state)
{
	const char *items[PINS_MAX + 1];
	struct str_list pins = list_of(items, PINS_MAX);
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i <= PINS_MAX; i++)
		items[i] = arena_printf(arena,
			"SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNb%02zu",
			i);
	assert_int_equal(pins_settle(arena, &pins, &err), 0);
	assert_int_equal(pins.n, PINS_MAX);
	pins = list_of(items, PINS_MAX + 1);
	assert_int_equal(pins_settle(arena, &pins, &err), ERR_INPUT);
}

static void
a_key_is_known_by_its_line_and_by_its_fingerprint(void **state)
{
	static const struct {
		const char *pin, *shown;
		bool has, has_type;
	} rows[] = {
		{ ED25519, ED25519, true, true },
		{ ED25519, ED25519 " some comment", true, true },
		{ ED25519_SHA256, ED25519, true, true },
		{ ED25519, OTHER, false, true },
		{ ED25519, ECDSA, false, false },
		{ ED25519_SHA256, ECDSA, false, true },
		{ ED25519, "wood", false, false },
		{ ED25519, "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *items[] = { rows[i].pin };
		const struct str_list pins = list_of(items, 1);

		assert_int_equal(
			pins_have(&pins, rows[i].shown, arena), rows[i].has);
		assert_int_equal(pins_have_type_of(&pins, rows[i].shown),
			rows[i].has_type);
	}
	assert_string_equal(
		pins_fingerprint(ED25519 " x", arena), ED25519_SHA256);
	assert_string_equal(pins_fingerprint("wood", arena), "");
}

static void
a_policy_is_one_of_three(void **state)
{
	static const struct {
		const char *text;
		enum outbound_host_key_policy policy;
	} rows[] = {
		{ "", OUTBOUND_HOST_KEY_STRICT },
		{ "strict", OUTBOUND_HOST_KEY_STRICT },
		{ "tofu", OUTBOUND_HOST_KEY_TOFU },
		{ "off", OUTBOUND_HOST_KEY_ANY },
	};
	enum outbound_host_key_policy policy;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(pins_policy(rows[i].text, &policy, &err), 0);
		assert_int_equal(policy, rows[i].policy);
	}
	assert_int_equal(pins_policy("Strict", &policy, &err), ERR_INPUT);
	assert_int_equal(err.status, 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_of_writing_a_key_is_read),
		cmocka_unit_test(what_is_no_host_key_is_refused),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(
			a_key_is_known_by_its_line_and_by_its_fingerprint),
		cmocka_unit_test(a_policy_is_one_of_three),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
