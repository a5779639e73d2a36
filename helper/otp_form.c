/* UUID shape, without looking at what the digits say. */
#include "helper/otp_form.h"

#include <ctype.h>

static bool
is_dash_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

int
otp_form_check(struct secret_view otp, struct err *err)
{
	if (otp.len != OTP_FORM_LEN)
		return err_set(
			err, ERR_INPUT, 400, "uuid string is wrong length");
	for (size_t i = 0; i < otp.len; i++) {
		const bool good = is_dash_place(i) ? otp.data[i] == '-'
						   : isxdigit(otp.data[i]) != 0;

		if (!good)
			return err_set(err, ERR_INPUT, 400,
				"uuid is improperly formatted");
	}
	return 0;
}
