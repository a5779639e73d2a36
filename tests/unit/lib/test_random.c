/* Random bytes and ids: form, range, no value left out. */
#include "lib/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
bytes_take_every_value(void **state)
{
	uint8_t bytes[16384];
	bool seen[256] = { false };
	size_t i;

	(void)state;
	random_bytes(bytes, sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i++)
		seen[bytes[i]] = true;
	for (i = 0; i < 256; i++)
		assert_true(seen[i]);
	random_bytes(bytes, 0);
}

static void
base62_is_of_its_alphabet_and_uses_all_of_it(void **state)
{
	static const char digits[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	char text[4001];
	size_t i;

	(void)state;
	random_base62(text, 4000);
	assert_int_equal(strlen(text), 4000);
	assert_int_equal(strspn(text, digits), 4000);
	for (i = 0; i < 62; i++)
		assert_non_null(strchr(text, digits[i]));
	random_base62(text, 0);
	assert_string_equal(text, "");
}

/* A bias for low digits, as of "% 62" alone, would put 25 % on eight. */
static void
base62_favours_no_digit(void **state)
{
	static char text[62001];
	size_t count[256] = { 0 }, i;

	(void)state;
	random_base62(text, 62000);
	for (i = 0; i < 62000; i++)
		count[(uint8_t)text[i]]++;
	for (i = 0; i < 256; i++)
		assert_true(
			count[i] == 0 || (count[i] > 800 && count[i] < 1200));
}

static void
uuids_are_version_four(void **state)
{
	char a[RANDOM_UUID_MAX], b[RANDOM_UUID_MAX];
	static const char form[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
	size_t i;

	(void)state;
	random_uuid(a);
	random_uuid(b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 36);
	for (i = 0; form[i] != '\0'; i++) {
		if (form[i] == 'x')
			assert_non_null(strchr("0123456789abcdef", a[i]));
		else if (form[i] == 'y')
			assert_non_null(strchr("89ab", a[i]));
		else
			assert_int_equal(a[i], form[i]);
	}
}

static void
below_stays_below_and_reaches_all(void **state)
{
	bool seen[7] = { false };
	size_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		uint64_t n = random_below(7);

		assert_true(n < 7);
		seen[n] = true;
		assert_int_equal(random_below(1), 0);
		assert_true(random_below(UINT64_MAX) < UINT64_MAX);
	}
	for (i = 0; i < 7; i++)
		assert_true(seen[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_take_every_value),
		cmocka_unit_test(base62_is_of_its_alphabet_and_uses_all_of_it),
		cmocka_unit_test(base62_favours_no_digit),
		cmocka_unit_test(uuids_are_version_four),
		cmocka_unit_test(below_stays_below_and_reaches_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
