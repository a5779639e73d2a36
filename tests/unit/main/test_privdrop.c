/* What a process has given up once it is hardened. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/main/privdrop.h"

static void
a_hardened_process_has_let_go(void **state)
{
	struct err err = { 0 };
	struct rlimit core;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd > STDERR_FILENO);
	setenv("LD_AUDIT", "x", 1);
	setenv("SSL_CERT_FILE", "x", 1);
	setenv("https_proxy", "x", 1);
	setenv("SALLYPORT_KEPT", "x", 1);
	assert_int_equal(privdrop_harden(&err), 0);
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	assert_true(core.rlim_cur == 0 && core.rlim_max == 0);
	assert_int_equal(umask(077), 077);
	assert_null(getenv("LD_AUDIT"));
	assert_null(getenv("SSL_CERT_FILE"));
	assert_null(getenv("https_proxy"));
	assert_string_equal(getenv("SALLYPORT_KEPT"), "x");
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hardened_process_has_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
