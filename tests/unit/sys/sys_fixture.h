/* sys/, tokens and one ssh mount, for the tests of this folder. */
#ifndef SALLYPORT_TESTS_UNIT_SYS_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_SYS_FIXTURE_H

#include "tests/support/mounted.h"

#define OTP_ROLE                                                               \
	"{\"key_type\":\"otp\",\"default_user\":\"u\",\"cidr_list\":\"10.0.0.0/8\"}"

static inline int
setup(void **state)
{
	(void)state;
	return mount_ssh();
}

/* `{"<name>":"<value>"}`, until the next call. */
static inline const char *
body_of(const char *name, const char *value)
{
	static char body[1024];

	(void)snprintf(body, sizeof(body), "{\"%s\":\"%s\"}", name, value);
	return body;
}

/* A role at path "ssh/roles/web". */
static inline void
add_role(const char *path)
{
	api_call(fixture, OP_UPDATE, path, OTP_ROLE, &reply);
	assert_int_equal(reply.status, 204);
}

/* A password by path "ssh/creds/web"; the answer is in reply. */
static inline const char *
issue_lease(const char *token, const char *path)
{
	api_call_as(
		fixture, token, "POST", path, "{\"ip\":\"10.0.0.1\"}", &reply);
	assert_int_equal(reply.status, 200);
	return value_find_str(reply.json, "lease_id", "");
}

#endif
