/* An ssh mount with one role, for the tests of this folder. */
#ifndef SALLYPORT_TESTS_UNIT_SSH_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_SSH_FIXTURE_H

#include "tests/support/mounted.h"

#define WEB_ROLE                                                               \
	"{\"key_type\":\"otp\",\"default_user\":\"ubuntu\","                   \
	"\"allowed_users\":\"bob\",\"cidr_list\":\"10.0.0.0/8\","              \
	"\"exclude_cidr_list\":\"10.9.0.0/16\",\"ttl\":600}"
#define WEB_ASKED "{\"ip\":\"10.1.2.3\"}"
#define USE_ANY_CREDS "path \"ssh/creds/*\" { capabilities = [\"update\"] }"

static inline int
setup(void **state)
{
	(void)state;
	if (mount_ssh() != 0)
		return 1;
	fixture->settings->dev = false; /* it opens the special ranges */
	api_call(fixture, OP_UPDATE, "ssh/roles/web", WEB_ROLE, &reply);
	return reply.status != 204;
}

/* A password of role web, asked for with this token. */
static inline const char *
issue_as(const char *token)
{
	const char *otp;

	api_call_as(fixture, token, "POST", "ssh/creds/web", WEB_ASKED, &reply);
	assert_int_equal(reply.status, 200);
	otp = value_find_str(reply.data, "key", NULL);
	assert_non_null(otp);
	return otp;
}

/* Hand it in at a mount with more members, `,"username":"x"`; the status. */
static inline int
verify_at(const char *mount, const char *otp, const char *more)
{
	char path[64], body[1024];

	(void)snprintf(path, sizeof(path), "%sverify", mount);
	(void)snprintf(body, sizeof(body), "{\"otp\":\"%s\"%s}", otp, more);
	api_call_as(fixture, NULL, "POST", path, body, &reply);
	return reply.status;
}

static inline int
verify(const char *otp)
{
	return verify_at("ssh/", otp, "");
}

static inline void
assert_not_found(int status)
{
	assert_int_equal(status, 400);
	assert_string_equal(api_error(&reply), "OTP not found");
}

#endif
