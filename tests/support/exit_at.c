/*
 * Loaded before the server by tests of crashes: its process ends right before
 * one of the system calls that others can see, and its wall clock may be ahead.
 * $EXIT_AT names a file to share, a struct plan: calls count from the moment
 * that at is set. The keeper is a process of its own and goes with the server.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CALLS_MAX 8192
#define STATUS 9

/* As tests/integration/support/exit_at.py has it. */
struct plan {
	_Atomic uint64_t at; /* end before this call, from 1; 0: do not count */
	_Atomic uint64_t n;  /* how many there were */
	_Atomic int64_t ahead_s; /* the clock is */
	char calls[CALLS_MAX];   /* a letter for each */
};

static struct plan *plan;
static pid_t server;

__attribute__((constructor)) static void
read_plan(void)
{
	const char *path = getenv("EXIT_AT");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *at = MAP_FAILED;

	if (fd >= 0) {
		at = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
		(void)close(fd);
	}
	if (at != MAP_FAILED)
		plan = at;
	server = getpid();
}

static void
come_to(char call)
{
	uint64_t at, n;

	if (plan == NULL || getpid() != server)
		return;
	at = atomic_load(&plan->at);
	if (at == 0)
		return;
	n = atomic_fetch_add(&plan->n, 1) + 1;
	if (n <= CALLS_MAX)
		plan->calls[n - 1] = call;
	if (n == at)
		_exit(STATUS);
}

/* A thread that wakes another does so through a descriptor of neither kind. */
static void
come_to_write(int fd)
{
	struct stat st;

	if (plan != NULL && fstat(fd, &st) == 0 &&
		(S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode)))
		come_to('w');
}

#define WRAP(type, name, words, come, ...)                                     \
	type name words                                                        \
	{                                                                      \
		static type(*real) words;                                      \
                                                                               \
		if (real == NULL)                                              \
			*(void **)&real = dlsym(RTLD_NEXT, #name);             \
		come;                                                          \
		return real(__VA_ARGS__);                                      \
	}

WRAP(int, connect, (int fd, const struct sockaddr *to, socklen_t len),
	come_to('c'), fd, to, len)
WRAP(ssize_t, send, (int fd, const void *data, size_t len, int flags),
	come_to('s'), fd, data, len, flags)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
	come_to('s'), fd, message, flags)
WRAP(ssize_t, recv, (int fd, void *data, size_t len, int flags), come_to('r'),
	fd, data, len, flags)
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
	come_to('r'), fd, message, flags)
WRAP(ssize_t, write, (int fd, const void *data, size_t len), come_to_write(fd),
	fd, data, len)
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int n),
	come_to_write(fd), fd, parts, n)
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t len, off64_t offset),
	come_to('p'), fd, data, len, offset)
WRAP(int, ftruncate64, (int fd, off64_t size), come_to('p'), fd, size)
WRAP(int, fsync, (int fd), come_to('y'), fd)
WRAP(int, fdatasync, (int fd), come_to('y'), fd)

int
clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	static int (*real)(clockid_t, struct timespec *);
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	rc = real(clock, ret_now);
	if (rc == 0 && clock == CLOCK_REALTIME && plan != NULL)
		ret_now->tv_sec += atomic_load(&plan->ahead_s);
	return rc;
}
