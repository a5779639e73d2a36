/* A server with sys/, tokens and one ssh mount: what tests of handlers need. */
#ifndef SALLYPORT_TESTS_SUPPORT_MOUNTED_H
#define SALLYPORT_TESTS_SUPPORT_MOUNTED_H

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

/* A test that has the server to itself. */
#define MOUNTED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static struct api_fixture *fixture;
static struct api_reply reply;

static inline int
mount_ssh(void)
{
	static const struct mount_type *const types[] = { &sys_mount_type,
		&token_mount_type, &identity_mount_type, &ssh_mount_type,
		NULL };

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

#endif
