/* Values stay values wherever a profile's table sets them: the corpus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/engines/ssh/profiles/profile_template.h"
#include "tests/support/in_arena.h"

/* What callers may try to be more than a name with. */
static const char *const evil[] = { "x;id", "$(id)", "`id`", "a b", "a\tb",
	"a|b", "a&b", "a>b", "a\"b", "a'b", "a\\b", "*", "~", "#", "{username}",
	"${IFS}", "[find]", "!", "", "é", "a\nb", "a\rb", "\x1b[2J", "-o",
	"%00", "../..", "a/../b", "?" };

static const char *
fill_one(enum profile_place place, const char *value)
{
	struct str_map values = { NULL, NULL, 0 };
	const char *text = NULL;

	assert_int_equal(
		profile_template_set(&values, "username", value, arena, NULL),
		0);
	if (profile_template_fill(
		    "<{username}>", place, &values, arena, &text, NULL) != 0)
		return NULL;
	return text;
}

static void
a_word_is_a_word_or_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		const char *text = fill_one(PROFILE_IN_WORD, evil[i]);

		assert_true(text == NULL ||
			strpbrk(text + 1, ";$`'\"\\|&*~#{}[]!? \t\n\r\x1b") ==
				NULL);
	}
	assert_string_equal(fill_one(PROFILE_IN_WORD, "a.b-c_d"), "<a.b-c_d>");
	assert_null(fill_one(PROFILE_IN_WORD, ""));
}

static void
quotes_of_a_shell_hold_everything_but_control(void **state)
{
	(void)state;
	assert_string_equal(
		fill_one(PROFILE_IN_SHELL, "x;$(id)`"), "<'x;$(id)`'>");
	assert_string_equal(fill_one(PROFILE_IN_SHELL, "it's"), "<'it'\\''s'>");
	assert_null(fill_one(PROFILE_IN_SHELL, "a\nb"));
	assert_null(fill_one(PROFILE_IN_SHELL, "\x1b[2J"));
}

static void
quotes_of_routeros_hold_everything_but_control(void **state)
{
	(void)state;
	assert_string_equal(fill_one(PROFILE_IN_ROUTEROS, "a\"$b\\[c]"),
		"<\"a\\\"\\$b\\\\[c]\">");
	assert_null(fill_one(PROFILE_IN_ROUTEROS, "a\r\nb"));
}

static void
a_path_has_no_marks_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(fill_one(PROFILE_IN_PATH, "a/../b?c=d&e#f%"),
		"<a%2F..%2Fb%3Fc%3Dd%26e%23f%25>");
	assert_null(fill_one(PROFILE_IN_PATH, "a\nb"));
}

static void
a_value_is_not_read_as_a_template(void **state)
{
	struct str_map values = { NULL, NULL, 0 };
	const char *text = NULL;

	(void)state;
	assert_int_equal(
		profile_template_set(&values, "a", "{b}", arena, NULL), 0);
	assert_int_equal(
		profile_template_set(&values, "b", "secret", arena, NULL), 0);
	assert_int_equal(profile_template_fill("{a} { x } {B}", PROFILE_IN_RAW,
				 &values, arena, &text, NULL),
		0);
	assert_string_equal(text, "{b} { x } {B}");
	assert_int_equal(profile_template_fill("{c}", PROFILE_IN_RAW, &values,
				 arena, &text, NULL),
		ERR_INTERNAL);
	assert_int_equal(
		profile_template_set(&values, "a", "other", arena, NULL), 0);
	assert_string_equal(profile_template_get(&values, "a"), "other");
}

static void
names_of_users_are_plain(void **state)
{
	static const char *const good[] = { "root", "_apt", "a", "a.b-c_9",
		"Admin", "host$", "abcdefghijabcdefghijabcdefghijab" };
	static const char *const bad[] = { "9a", "-a", ".a", "a$b", "a$$", "$",
		"a/b", "a@b", "abcdefghijabcdefghijabcdefghijabc" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(profile_check_user(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(evil); i++)
		assert_int_equal(profile_check_user(evil[i], NULL), ERR_INPUT);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		assert_int_equal(profile_check_user(bad[i], &err), ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_string_equal(
			err.message, "Username is not valid for dynamic type");
	}
}

#define LEASE "abcdefABCDEF0123456789xy"
#define TAG "sallyport:0123abcd:" LEASE

static void
tags_are_found_at_their_whole_length(void **state)
{
	static const struct {
		const char *text, *tag;
	} cases[] = {
		{ TAG, TAG },
		{ "ssh-rsa AAAA " TAG "\r\n", TAG },
		{ "sallyport:short " TAG " more", TAG },
		{ "comment=\"" TAG "\"", TAG },
		{ TAG "z", "" },
		{ "sallyport:abc", "" },
		{ "sallyport:" LEASE, "" },
		{ "sallyport:0123abc:" LEASE, "" },
		{ "sallyport:0123abcde:" LEASE, "" },
		{ "sallyport:0123abcd:short", "" },
		{ "sallyport:0123abcd:", "" },
		{ "sallyport:0123abc", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(
			span_equal(profile_find_tag(span_str(cases[i].text)),
				span_str(cases[i].tag)));
}

static void
every_profile_has_what_its_table_needs(void **state)
{
	(void)state;
	for (size_t i = 0; profiles[i] != NULL; i++) {
		assert_ptr_equal(profile_find(profiles[i]->name), profiles[i]);
		/* What puts a key there can take it off again. */
		assert_int_equal(profiles[i]->steps[PROFILE_INSTALL] != NULL,
			profiles[i]->steps[PROFILE_REMOVE] != NULL);
		assert_int_equal(profiles[i]->steps[PROFILE_DELIVER] != NULL,
			profiles[i]->steps[PROFILE_FORGET] != NULL);
		assert_non_null(profiles[i]->doc);
	}
	assert_null(profile_find("windows"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_is_a_word_or_nothing),
		cmocka_unit_test(quotes_of_a_shell_hold_everything_but_control),
		cmocka_unit_test(
			quotes_of_routeros_hold_everything_but_control),
		cmocka_unit_test(a_path_has_no_marks_of_its_own),
		cmocka_unit_test(a_value_is_not_read_as_a_template),
		cmocka_unit_test(names_of_users_are_plain),
		cmocka_unit_test(tags_are_found_at_their_whole_length),
		cmocka_unit_test(every_profile_has_what_its_table_needs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
