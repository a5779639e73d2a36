/* The form of a one-time password, checked before anything is sent. */
#ifndef SALLYPORT_HELPER_OTP_FORM_H
#define SALLYPORT_HELPER_OTP_FORM_H

#include "lib/err.h"
#include "lib/secret.h"

#define OTP_FORM_LEN 36

/*
 * 8-4-4-4-12 hex digits of either case, nothing before or behind. ERR_INPUT
 * with the texts of spec/ssh-helper.md 3, step 6.
 */
int otp_form_check(struct secret_view otp, struct err *err);

#endif
