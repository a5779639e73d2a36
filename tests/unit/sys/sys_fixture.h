/* sys/, tokens and one ssh mount, for the tests of this folder. */
#ifndef SALLYPORT_TESTS_UNIT_SYS_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_SYS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/auth/auth.h"
#include "server/engines/identity/identity.h"
#include "server/engines/ssh/ssh.h"
#include "server/sys/sys.h"
#include "tests/support/api_steps.h"

#define OTP_ROLE                                                               \
	"{\"key_type\":\"otp\",\"default_user\":\"u\",\"cidr_list\":\"10.0.0.0/8\"}"

static struct api_fixture *fixture;
static struct api_reply reply;

static inline int
setup(void **state)
{
	static const struct mount_type *const types[] = { &sys_mount_type,
		&token_mount_type, &identity_mount_type, &ssh_mount_type,
		NULL };

	(void)state;
	fixture = api_fixture_new(types);
	return fixture == NULL || api_mount(fixture, "ssh", "ssh/") != 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	api_fixture_free(&fixture);
	return 0;
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
