/*
 * Loaded before the server by tests of faults: calls on chosen files fail or
 * wait for as long as a rule says so. $FAULTS names the file of rules, read
 * again at each call; a line is "<call> <errno or block> <path>", call one of
 * write and sync.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define PATH_CAP 400
#define WAIT_US 10000

static char rules_path[PATH_CAP];

__attribute__((constructor)) static void
remember_rules(void)
{
	const char *path = getenv("FAULTS");

	if (path != NULL)
		(void)snprintf(rules_path, sizeof(rules_path), "%s", path);
}

/* The errno that a rule has for this call; 0: none, -1: wait. */
static int
rule_for(const char *call, int fd)
{
	char name[16], what[16], path[PATH_CAP];
	struct stat wanted, st;
	FILE *rules = rules_path[0] != '\0' ? fopen(rules_path, "re") : NULL;
	int result = 0;

	if (rules == NULL)
		return 0;
	while (result == 0 &&
		fscanf(rules, "%15s %15s %399s", name, what, path) == 3) {
		if (strcmp(name, call) != 0 || stat(path, &wanted) != 0 ||
			fstat(fd, &st) != 0 || wanted.st_ino != st.st_ino ||
			wanted.st_dev != st.st_dev)
			continue;
		result = strcmp(what, "block") == 0
			? -1
			: (int)strtol(what, NULL, 10);
	}
	(void)fclose(rules);
	return result;
}

/* True: the call must fail, errno is set. */
static bool
must_fail(const char *call, int fd)
{
	int before = errno, rule;

	while ((rule = rule_for(call, fd)) < 0)
		(void)usleep(WAIT_US);
	errno = rule != 0 ? rule : before;
	return rule != 0;
}

static void *
real_call(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

int
fsync(int fd)
{
	int (*real)(int) = NULL;

	*(void **)&real = real_call("fsync");
	return must_fail("sync", fd) ? -1 : real(fd);
}

int
fdatasync(int fd)
{
	int (*real)(int) = NULL;

	*(void **)&real = real_call("fdatasync");
	return must_fail("sync", fd) ? -1 : real(fd);
}

ssize_t
write(int fd, const void *data, size_t len)
{
	ssize_t (*real)(int, const void *, size_t) = NULL;

	*(void **)&real = real_call("write");
	return must_fail("write", fd) ? -1 : real(fd, data, len);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	ssize_t (*real)(int, const void *, size_t, off64_t) = NULL;

	*(void **)&real = real_call("pwrite64");
	return must_fail("write", fd) ? -1 : real(fd, data, len, offset);
}
