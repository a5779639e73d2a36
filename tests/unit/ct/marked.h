/*
 * Constant time, shown by valgrind: a secret marked as undefined is reported
 * at any use of it, or of what was computed from it, in a branch or an
 * address. A test runs its own program again under valgrind; there the
 * function named by the argument does the work.
 */
#ifndef SALLYPORT_TESTS_UNIT_CT_MARKED_H
#define SALLYPORT_TESTS_UNIT_CT_MARKED_H

#include <errno.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "lib/base.h"

#if __has_include(<valgrind/memcheck.h>) && !defined(SALLYPORT_SANITIZED)
#include <valgrind/memcheck.h>
#define MARKED_WORKS true
#else
#define VALGRIND_MAKE_MEM_UNDEFINED(p, n) ((void)(p))
#define VALGRIND_MAKE_MEM_DEFINED(p, n) ((void)(p))
#define MARKED_WORKS false
#endif

#define MARKED_FOUND                                                           \
	9 /* valgrind's exit status where it reported something                \
	   */

struct marked {
	const char *name;
	int (*run)(void); /* under valgrind; 0: did what it should */
	bool leaks;       /* made to be reported: the check itself works */
};

/* Exit status of this program's case under valgrind; 127: no valgrind. */
static inline int
marked_run(const struct marked *marked)
{
	char valgrind[] = "valgrind", quiet[] = "-q",
	     code[] = "--error-exitcode=9", nowhere[] = "--log-file=/dev/null";
	char *path = realpath("/proc/self/exe", NULL);
	char *name_copy = strdup(marked->name);
	char *argv[] = { valgrind, code, marked->leaks ? nowhere : quiet, path,
		name_copy, NULL };
	char *env[] = { NULL };
	int status = 0;
	pid_t pid = -1;
	int failed = posix_spawnp(&pid, "valgrind", NULL, NULL, argv, env);

	if (failed == 0 && waitpid(pid, &status, 0) != pid)
		failed = ECHILD;
	free(path);
	free(name_copy);
	if (failed != 0)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A cmocka test of one struct marked, its initial state. */
static inline void
marked_test(void **state)
{
	const struct marked *marked = *state;
	int status;

	if (!MARKED_WORKS)
		skip();
	status = marked_run(marked);
	if (status == 127)
		skip();
	assert_int_equal(status, marked->leaks ? MARKED_FOUND : 0);
}

/* The whole of main. */
static inline int
marked_main(int argc, char **argv, struct marked *cases, size_t n)
{
	struct CMUnitTest tests[16] = { { .name = NULL } };

	for (size_t i = 0; i < n; i++) {
		if (argc > 1 && strcmp(argv[1], cases[i].name) == 0)
			return cases[i].run();
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
			.test_func = marked_test,
			.initial_state = &cases[i] };
	}
	if (argc > 1 || n > ARRAY_LEN(tests))
		return 1;
	return _cmocka_run_group_tests("ct", tests, n, NULL, NULL);
}

#endif
