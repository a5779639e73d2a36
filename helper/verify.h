/*
 * Ask the server whether a password is good, and compare its answer with the
 * login (spec/ssh-helper.md 3, 4).
 */
#ifndef SALLYPORT_HELPER_VERIFY_H
#define SALLYPORT_HELPER_VERIFY_H

#include "helper/helper_settings.h"
#include "helper/verdict.h"

struct verify_login {
	const char *user;
	struct secret_view otp;
	int64_t total_ms; /* for everything */
};

/*
 * The verdict on a login, with role, address and request id, or why not. It
 * starts as a refusal; one line makes it an allow.
 */
void verify_otp(const struct helper_settings *settings,
	const struct verify_login *login, struct arena *arena,
	struct verdict_line *ret_line);

/* The echo probe: never a login. err has the peer's words. */
int verify_probe(const struct helper_settings *settings, int64_t total_ms,
	struct arena *arena, struct err *err);

#endif
