/*
 * No branch and no address in shamir.c depends on a secret (reliability.md
 * L25): the program runs itself under valgrind with the secret marked as
 * undefined, which valgrind reports at any use in a branch or an address.
 */
#include "server/keeper/shamir.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if __has_include(<valgrind/memcheck.h>) && !defined(SALLYPORT_SANITIZED)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_UNDEFINED(p, n) ((void)(p))
#define VALGRIND_MAKE_MEM_DEFINED(p, n) ((void)(p))
#define NO_VALGRIND 1
#endif

#define FOUND 9 /* valgrind's exit status where it reported something */

static const char *own_path;

/* The child: split and combine; "leak" branches on the result too. */
static int
run_marked(bool leak)
{
	uint8_t secret[32], shares[3 * 33], back[32];
	int rc;

	memset(secret, 0x5a, sizeof(secret));
	VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof(secret));
	rc = shamir_split(
		secret_view_of(secret, sizeof(secret)), 3, 3, shares, NULL);
	if (rc == 0)
		rc = shamir_combine(shares, 3, 33, back, NULL);
	if (leak && back[0] == 0x5a)
		rc += (int)write(STDERR_FILENO, "", 0);
	VALGRIND_MAKE_MEM_DEFINED(secret, sizeof(secret));
	VALGRIND_MAKE_MEM_DEFINED(back, sizeof(back));
	if (rc != 0 || memcmp(secret, back, sizeof(secret)) != 0)
		return 1;
	return 0;
}

/* Exit status of this program run under valgrind; 127: no valgrind. */
static int
status_under_valgrind(const char *mode)
{
	char valgrind[] = "valgrind", quiet[] = "-q",
	     code[] = "--error-exitcode=9";
	char path[4096], mode_copy[16];
	char *argv[] = { valgrind, quiet, code, path, mode_copy, NULL };
	char *env[] = { NULL };
	int status;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s", own_path);
	(void)snprintf(mode_copy, sizeof(mode_copy), "%s", mode);
	if (posix_spawnp(&pid, "valgrind", NULL, NULL, argv, env) != 0)
		return 127;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void
arithmetic_does_not_depend_on_the_secret(void **state)
{
	int status;

	(void)state;
#ifdef NO_VALGRIND
	skip();
#endif
	status = status_under_valgrind("marked");
	if (status == 127)
		skip();
	assert_int_equal(status, 0);
	/* The check itself works: a branch on the result is found. */
	assert_int_equal(status_under_valgrind("leak"), FOUND);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic_does_not_depend_on_the_secret),
	};

	if (argc > 1)
		return run_marked(strcmp(argv[1], "leak") == 0);
	/* Behind libtool's wrapper argv[0] is a script; this is the program. */
	own_path = realpath("/proc/self/exe", NULL);
	if (own_path == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
