/* The shape of a one-time password, each place of it. */
#include "helper/otp_form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define GOOD "0123abcd-4567-89AB-cdef-0123456789ab"

static int
check(const char *text, size_t len)
{
	struct err err = { 0 };

	return otp_form_check(secret_view_of(text, len), &err);
}

static void
only_hex_and_dashes_in_their_places_pass(void **state)
{
	char text[] = GOOD;

	(void)state;
	assert_int_equal(check(text, OTP_FORM_LEN), 0);
	for (size_t i = 0; i < OTP_FORM_LEN; i++) {
		const char kept = text[i];

		for (int c = 0; c < 256; c++) {
			const bool hex =
				strchr("0123456789abcdefABCDEF", c) != NULL &&
				c != 0;

			text[i] = (char)c;
			assert_true((check(text, OTP_FORM_LEN) == 0) ==
				(kept == '-' ? c == '-' : hex));
		}
		text[i] = kept;
	}
}

static void
every_other_length_is_refused(void **state)
{
	static const char text[] = GOOD GOOD;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++)
		assert_true((check(text, len) == 0) == (len == OTP_FORM_LEN));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_hex_and_dashes_in_their_places_pass),
		cmocka_unit_test(every_other_length_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
