/* Lists of blocks of addresses: what lies in what, what both allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cidr_list.h"

#define LIST_MAX 8

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(1024 * 1024);
	return arena == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* "a b c" as a list. */
static struct str_list
list(const char *text)
{
	struct str_list found = { .items = ARENA_ARRAY(
					  arena, const char *, LIST_MAX) };

	assert_non_null(found.items);
	while (*text != '\0') {
		const size_t len = strcspn(text, " ");

		found.items[found.n++] = arena_strndup(arena, text, len);
		text += len + strspn(text + len, " ");
	}
	return found;
}

static void
an_address_is_allowed_by_a_block_or_by_none(void **state)
{
	const struct str_list blocks = list("10.0.0.0/8 192.0.2.7");
	const struct str_list none = list("");
	struct netaddr addr;

	(void)state;
	assert_int_equal(netaddr_parse(span_str("10.1.2.3"), &addr), 0);
	assert_true(cidr_list_allows(&blocks, &addr));
	assert_true(cidr_list_allows(&none, &addr));
	assert_int_equal(netaddr_parse(span_str("192.0.2.8"), &addr), 0);
	assert_false(cidr_list_allows(&blocks, &addr));
	addr = (struct netaddr){ .family = 0 };
	assert_false(cidr_list_allows(&blocks, &addr));
}

static void
a_list_covers_what_lies_in_its_blocks(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool covers;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.1.0.0/16 10.2.3.4", true },
		{ "10.0.0.0/8", "10.1.0.0/16 11.0.0.1", false },
		{ "10.0.0.0/8 11.0.0.1", "10.1.0.0/16 11.0.0.1", true },
		{ "10.0.0.0/8", "10.0.0.0/7", false },
		{ "10.0.0.0/8", "", true },
		{ "", "0.0.0.0/0", true },
		{ "0.0.0.0/0", "::/0", false },
		{ "2001:db8::/32", "2001:db8:1::/48", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct str_list outer = list(cases[i].outer);
		const struct str_list inner = list(cases[i].inner);

		if (cidr_list_covers(&outer, &inner) != cases[i].covers)
			fail_msg("%s in %s", cases[i].inner, cases[i].outer);
	}
}

static void
two_lists_narrow_to_what_both_allow(void **state)
{
	static const struct {
		const char *a, *b, *both; /* NULL: nothing */
	} cases[] = {
		{ "", "", "" },
		{ "10.0.0.0/8", "", "10.0.0.0/8" },
		{ "", "10.0.0.0/8", "10.0.0.0/8" },
		{ "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8" },
		{ "10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16" },
		{ "10.1.0.0/16", "10.0.0.0/8", "10.1.0.0/16" },
		{ "10.0.0.0/8 192.0.2.0/24", "192.0.2.7 10.9.0.0/16",
			"192.0.2.7 10.9.0.0/16" },
		{ "10.1.0.0/16 192.0.2.0/24", "10.0.0.0/8 192.0.2.7",
			"192.0.2.7 10.1.0.0/16" },
		{ "10.0.0.0/8", "11.0.0.0/8", NULL },
		{ "10.0.0.0/8", "::/0", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct str_list a = list(cases[i].a);
		const struct str_list b = list(cases[i].b);
		const struct str_list want =
			list(cases[i].both != NULL ? cases[i].both : "");
		struct str_list both = { .n = 0 };
		struct err err = { 0 };
		int rc = cidr_list_narrow(&a, &b, arena, &both, &err);

		assert_int_equal(rc, cases[i].both != NULL ? 0 : ERR_DENIED);
		if (rc != 0)
			assert_int_equal(err.status, 403);
		assert_int_equal(both.n, want.n);
		for (size_t j = 0; j < want.n; j++)
			assert_string_equal(both.items[j], want.items[j]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_allowed_by_a_block_or_by_none),
		cmocka_unit_test(a_list_covers_what_lies_in_its_blocks),
		cmocka_unit_test(two_lists_narrow_to_what_both_allow),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
