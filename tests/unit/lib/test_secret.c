/* Secrets: comparing, wiping, guarded keys. */
#include "lib/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct secret_view
view(const char *text)
{
	return secret_view_of(text, strlen(text));
}

static void
equality_needs_every_byte(void **state)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };
	size_t i, bit;

	(void)state;
	assert_true(secret_equal(view("secret"), view("secret")));
	assert_false(secret_equal(view("secret"), view("secret!")));
	assert_true(secret_equal(view(""), secret_view_of(NULL, 0)));
	for (i = 0; i < sizeof(a); i++) {
		for (bit = 0; bit < 8; bit++) {
			b[i] ^= (uint8_t)(1U << bit);
			assert_false(secret_equal(
				secret_view_of(a, 64), secret_view_of(b, 64)));
			b[i] ^= (uint8_t)(1U << bit);
		}
	}
	assert_true(secret_equal(secret_view_of(a, 64), secret_view_of(b, 64)));
}

static void
wiping_leaves_zeros(void **state)
{
	char bytes[] = "0123456789";

	(void)state;
	secret_wipe(bytes + 2, 3);
	assert_memory_equal(bytes,
		"01\0\0\0"
		"56789",
		11);
	secret_wipe(NULL, 0);
}

static void
a_new_key_is_zero_and_can_be_filled(void **state)
{
	static const uint8_t zeros[32];
	struct secret *secret = secret_new(32);

	(void)state;
	assert_non_null(secret);
	assert_int_equal(secret_open(secret).len, 32);
	assert_memory_equal(secret_open(secret).data, zeros, 32);
	memset(secret_bytes(secret), 7, 32);
	assert_int_equal(secret_open(secret).data[31], 7);
	secret_free(&secret);
	assert_null(secret);
	secret_free(&secret);
}

static void
a_duplicate_stands_alone(void **state)
{
	char bytes[] = "key";
	struct secret *secret = secret_dup(view(bytes));

	(void)state;
	memset(bytes, 'x', 3);
	assert_true(secret_equal(secret_open(secret), view("key")));
	secret_free(&secret);
	secret = secret_dup(secret_view_of(NULL, 0));
	assert_non_null(secret);
	assert_int_equal(secret_open(secret).len, 0);
	secret_free(&secret);
}

static void
an_absurd_size_is_no_memory(void **state)
{
	(void)state;
	assert_null(secret_new(SIZE_MAX - 100));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_needs_every_byte),
		cmocka_unit_test(wiping_leaves_zeros),
		cmocka_unit_test(a_new_key_is_zero_and_can_be_filled),
		cmocka_unit_test(a_duplicate_stands_alone),
		cmocka_unit_test(an_absurd_size_is_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
