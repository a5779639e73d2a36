/*
 * Loaded before the server by tests of faults: calls on chosen files fail or
 * wait for as long as a rule says so. $FAULTS names the file of rules, read
 * again at each call; a line is "<call> <what> <path> <skip> <times>": call is
 * write, sync or truncate; what an errno, "block" or "short" (half of the
 * bytes are written); the first skip calls on the path pass, then times fail
 * (0: all). The count begins anew with each new file of rules.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
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

/* What a rule says: nothing, wait, write less, or fail with an errno. */
enum { RULE_NONE = 0, RULE_BLOCK = -1, RULE_SHORT = -2 };

/* Calls that rules were about since they were written. */
static struct {
	pthread_mutex_t lock;
	ino_t inode;
	struct timespec written;
	unsigned long n;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Whether it is this call's turn to fail. */
static bool
is_due(FILE *rules, unsigned long skip, unsigned long times)
{
	struct stat st = { 0 };
	bool due;

	(void)fstat(fileno(rules), &st);
	pthread_mutex_lock(&seen.lock);
	if (st.st_ino != seen.inode ||
		st.st_mtim.tv_sec != seen.written.tv_sec ||
		st.st_mtim.tv_nsec != seen.written.tv_nsec)
		seen.n = 0;
	seen.inode = st.st_ino;
	seen.written = st.st_mtim;
	seen.n++;
	due = seen.n > skip && (times == 0 || seen.n <= skip + times);
	pthread_mutex_unlock(&seen.lock);
	return due;
}

static bool
is_file(int fd, const char *path)
{
	struct stat wanted, st;

	return stat(path, &wanted) == 0 && fstat(fd, &st) == 0 &&
		wanted.st_ino == st.st_ino && wanted.st_dev == st.st_dev;
}

/* again: of a call that waits, which is counted already. */
static int
rule_for(const char *call, int fd, bool again)
{
	char name[16], what[16], path[PATH_CAP];
	unsigned long skip, times;
	FILE *rules = rules_path[0] != '\0' ? fopen(rules_path, "re") : NULL;
	int result = RULE_NONE;

	if (rules == NULL)
		return RULE_NONE;
	while (result == RULE_NONE &&
		fscanf(rules, "%15s %15s %399s %lu %lu", name, what, path,
			&skip, &times) == 5) {
		if (strcmp(name, call) != 0 || !is_file(fd, path) ||
			(!again && !is_due(rules, skip, times)))
			continue;
		if (strcmp(what, "block") == 0)
			result = RULE_BLOCK;
		else if (strcmp(what, "short") == 0)
			result = RULE_SHORT;
		else
			result = (int)strtol(what, NULL, 10);
	}
	(void)fclose(rules);
	return result;
}

/* True: the call must fail, errno is set. *len may become less. */
static bool
must_fail(const char *call, int fd, size_t *len)
{
	int before = errno, rule = rule_for(call, fd, false);

	while (rule == RULE_BLOCK) {
		(void)usleep(WAIT_US);
		rule = rule_for(call, fd, true);
	}
	if (rule == RULE_SHORT && *len > 1)
		*len /= 2;
	errno = rule > 0 ? rule : before;
	return rule > 0;
}

static void *
real_call(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static int
call_or_fail(const char *name, const char *kind, int fd)
{
	int (*real)(int) = NULL;
	size_t none = 0;

	*(void **)&real = real_call(name);
	return must_fail(kind, fd, &none) ? -1 : real(fd);
}

int
fsync(int fd)
{
	return call_or_fail("fsync", "sync", fd);
}

int
fdatasync(int fd)
{
	return call_or_fail("fdatasync", "sync", fd);
}

ssize_t
write(int fd, const void *data, size_t len)
{
	ssize_t (*real)(int, const void *, size_t) = NULL;

	*(void **)&real = real_call("write");
	return must_fail("write", fd, &len) ? -1 : real(fd, data, len);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	ssize_t (*real)(int, const void *, size_t, off64_t) = NULL;

	*(void **)&real = real_call("pwrite64");
	return must_fail("write", fd, &len) ? -1 : real(fd, data, len, offset);
}

int
ftruncate64(int fd, off64_t size)
{
	int (*real)(int, off64_t) = NULL;
	size_t none = 0;

	*(void **)&real = real_call("ftruncate64");
	return must_fail("truncate", fd, &none) ? -1 : real(fd, size);
}
