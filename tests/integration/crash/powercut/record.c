/*
 * Loaded before the server by the power-cut test: all that it does to the
 * files below $RECORD_ROOTS (directories, ':' between) and the moment at which
 * each answer is handed to its socket goes into the file $RECORD_LOG, in one
 * order. recording.py reads it. A change and its record happen under one lock;
 * a sync has two records, since what is written while it runs may miss it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 65536

/* One letter each; a and b are of the kind, bytes follow. */
enum record_kind {
	RECORD_CREATE = 'C',   /* a: inode; path */
	RECORD_WRITE = 'W',    /* a: inode, b: offset; bytes */
	RECORD_TRUNCATE = 'T', /* a: inode, b: size */
	RECORD_RENAME = 'R',   /* old path, NUL, new path */
	RECORD_UNLINK = 'U',   /* path */
	RECORD_SYNC = 'S',     /* a: inode, b: number of the sync */
	RECORD_SYNCED = 'E',   /* the same, at its end */
	RECORD_ACCEPT = 'L',   /* a: the peer's port, b: its address */
	RECORD_ANSWER = 'A',   /* the same */
	RECORD_MAPPED = 'M',   /* a: inode; path. Writes would not be seen */
};

struct record_head {
	uint32_t kind, len;
	uint64_t a, b;
};

/* What a descriptor is: nothing of ours, a file or a client's connection. */
static struct watched {
	enum { WATCH_NOT, WATCH_FILE, WATCH_CLIENT } kind;

	uint64_t number; /* inode or port */
	uint64_t address;
} watched[FDS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static uint64_t n_syncs;
static char roots[PATH_MAX];

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("RECORD_LOG");
	const char *list = getenv("RECORD_ROOTS");

	if (path == NULL || list == NULL)
		return;
	(void)snprintf(roots, sizeof(roots), "%s", list);
	log_fd = (int)syscall(SYS_openat, AT_FDCWD, path,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log_fd < 0)
		abort();
	n_syncs = (uint64_t)getpid() << 32;
}

static void
record(enum record_kind kind, uint64_t a, uint64_t b, const void *bytes,
	size_t len)
{
	struct record_head head = {
		.kind = kind, .len = (uint32_t)len, .a = a, .b = b
	};
	struct iovec parts[] = { { &head, sizeof(head) },
		{ (void *)(uintptr_t)bytes, len } };

	if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof(head) + len))
		abort();
}

static void
record_path(enum record_kind kind, uint64_t a, const char *path)
{
	record(kind, a, 0, path, strlen(path));
}

/* ---- which files ----------------------------------------------------- */

static bool
is_below_a_root(const char *path)
{
	const char *root = roots;

	while (log_fd >= 0 && *root != '\0') {
		const size_t len = strcspn(root, ":");

		if (strncmp(path, root, len) == 0 &&
			(path[len] == '/' || path[len] == '\0'))
			return true;
		root += len + (root[len] == ':');
	}
	return false;
}

/* An absolute path for a name in a directory. */
static void
absolute(int dir, const char *name, char path[PATH_MAX])
{
	char link[64], at[PATH_MAX / 2] = "";
	ssize_t len = 0;

	if (name[0] != '/') {
		if (dir == AT_FDCWD)
			(void)snprintf(link, sizeof(link), "/proc/self/cwd");
		else
			(void)snprintf(
				link, sizeof(link), "/proc/self/fd/%d", dir);
		len = readlink(link, at, sizeof(at) - 1);
	}
	(void)snprintf(path, PATH_MAX, "%.*s%s%s", len < 0 ? 0 : (int)len, at,
		name[0] == '/' ? "" : "/", name);
}

static struct watched *
watched_at(int fd)
{
	static struct watched none;

	return fd >= 0 && fd < FDS_MAX && log_fd >= 0 ? &watched[fd] : &none;
}

/* ---- opening --------------------------------------------------------- */

/* Whether fd must be watched from now on, and what its opening changed. */
static void
note_open(int fd, const char *path, bool existed, int flags)
{
	struct stat st;

	if (fd >= FDS_MAX || fstat(fd, &st) != 0)
		abort();
	watched[fd] = (struct watched){ WATCH_FILE, st.st_ino, 0 };
	if (!existed)
		record_path(RECORD_CREATE, st.st_ino, path);
	else if ((flags & O_TRUNC) != 0)
		record(RECORD_TRUNCATE, st.st_ino, 0, NULL, 0);
}

static int
open_any(int dir, const char *name, int flags, mode_t mode)
{
	char path[PATH_MAX];
	struct stat st;
	bool existed;
	int fd;

	absolute(dir, name, path);
	if (!is_below_a_root(path))
		return (int)syscall(SYS_openat, dir, name, flags, mode);
	pthread_mutex_lock(&lock);
	existed = fstatat(dir, name, &st, 0) == 0;
	fd = (int)syscall(SYS_openat, dir, name, flags, mode);
	if (fd >= 0)
		note_open(fd, path, existed, flags);
	pthread_mutex_unlock(&lock);
	return fd;
}

/* parameters: all up to flags, in brackets; dir is where name is looked up. */
#define OPEN(call, dir, parameters)                                            \
	int call parameters                                                    \
	{                                                                      \
		mode_t mode = 0;                                               \
		va_list more;                                                  \
                                                                               \
		va_start(more, flags);                                         \
		if ((flags & O_CREAT) != 0)                                    \
			mode = va_arg(more, mode_t);                           \
		va_end(more);                                                  \
		return open_any(dir, name, flags, mode);                       \
	}
#define BY_NAME (const char *name, int flags, ...)
#define BY_DIR (int dir, const char *name, int flags, ...)

/* As glibc names them: with large files, and where flags are checked. */
OPEN(open, AT_FDCWD, BY_NAME)
OPEN(open64, AT_FDCWD, BY_NAME)
OPEN(__open_2, AT_FDCWD, BY_NAME)
OPEN(__open64_2, AT_FDCWD, BY_NAME)
OPEN(openat, dir, BY_DIR)
OPEN(openat64, dir, BY_DIR)
OPEN(__openat_2, dir, BY_DIR)
OPEN(__openat64_2, dir, BY_DIR)

int
close(int fd)
{
	pthread_mutex_lock(&lock);
	watched_at(fd)->kind = WATCH_NOT;
	pthread_mutex_unlock(&lock);
	return (int)syscall(SYS_close, fd);
}

/* The server closes what it does not know, the log is not meant. */
int
close_range(unsigned first, unsigned last, int flags)
{
	const unsigned kept = (unsigned)log_fd;
	long rc;

	if (log_fd < 0 || kept < first || kept > last)
		return (int)syscall(SYS_close_range, first, last, flags);
	rc = kept == first ? 0
			   : syscall(SYS_close_range, first, kept - 1, flags);
	if (rc == 0 && kept < last)
		rc = syscall(SYS_close_range, kept + 1, last, flags);
	return (int)rc;
}

/* ---- writing --------------------------------------------------------- */

/* An answer begins: from here on its client may act on it. */
static void
note_answer(int fd, const struct iovec *part)
{
	if (watched_at(fd)->kind != WATCH_CLIENT || part->iov_len < 5 ||
		memcmp(part->iov_base, "HTTP/", 5) != 0)
		return;
	pthread_mutex_lock(&lock);
	record(RECORD_ANSWER, watched[fd].number, watched[fd].address, NULL, 0);
	pthread_mutex_unlock(&lock);
}

/* The bytes that were written, from all parts, done of them in all. */
static void
record_parts(
	uint64_t inode, off_t at, const struct iovec *parts, int n, size_t done)
{
	for (int i = 0; i < n && done > 0; i++) {
		const size_t len =
			parts[i].iov_len < done ? parts[i].iov_len : done;

		record(RECORD_WRITE, inode, (uint64_t)at, parts[i].iov_base,
			len);
		at += (off_t)len;
		done -= len;
	}
}

/* offset -1: where the descriptor stands. */
static ssize_t
write_any(int fd, const struct iovec *parts, int n, off_t offset)
{
	ssize_t done;

	if (watched_at(fd)->kind != WATCH_FILE) {
		if (n > 0)
			note_answer(fd, parts);
		return offset < 0 ? syscall(SYS_writev, fd, parts, n)
				  : syscall(SYS_pwritev, fd, parts, n, offset,
					    offset >> 32);
	}
	pthread_mutex_lock(&lock);
	done = offset < 0
		? syscall(SYS_writev, fd, parts, n)
		: syscall(SYS_pwritev, fd, parts, n, offset, offset >> 32);
	if (done > 0 && offset < 0)
		offset = lseek(fd, 0, SEEK_CUR) - done;
	if (done > 0)
		record_parts(
			watched[fd].number, offset, parts, n, (size_t)done);
	pthread_mutex_unlock(&lock);
	return done;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	const struct iovec part = { (void *)(uintptr_t)data, len };

	return write_any(fd, &part, 1, -1);
}

ssize_t
writev(int fd, const struct iovec *parts, int n)
{
	return write_any(fd, parts, n, -1);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	const struct iovec part = { (void *)(uintptr_t)data, len };

	return write_any(fd, &part, 1, offset);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	return pwrite(fd, data, len, offset);
}

ssize_t
pwritev(int fd, const struct iovec *parts, int n, off_t offset)
{
	return write_any(fd, parts, n, offset);
}

ssize_t
pwritev64(int fd, const struct iovec *parts, int n, off64_t offset)
{
	return write_any(fd, parts, n, offset);
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	const struct iovec part = { (void *)(uintptr_t)data, len };

	note_answer(fd, &part);
	return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (message->msg_iovlen > 0)
		note_answer(fd, message->msg_iov);
	return syscall(SYS_sendmsg, fd, message, flags);
}

int
ftruncate(int fd, off_t size)
{
	int rc;

	if (watched_at(fd)->kind != WATCH_FILE)
		return (int)syscall(SYS_ftruncate, fd, size);
	pthread_mutex_lock(&lock);
	rc = (int)syscall(SYS_ftruncate, fd, size);
	if (rc == 0)
		record(RECORD_TRUNCATE, watched[fd].number, (uint64_t)size,
			NULL, 0);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

/* Shared memory of the log's index is no part of what lasts. */
void *
mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	char link[64], path[PATH_MAX] = "";

	if (watched_at(fd)->kind == WATCH_FILE && (flags & MAP_SHARED) != 0 &&
		(protection & PROT_WRITE) != 0) {
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, path, sizeof(path) - 1) < 0)
			abort();
		pthread_mutex_lock(&lock);
		record_path(RECORD_MAPPED, watched[fd].number, path);
		pthread_mutex_unlock(&lock);
	}
	return (void *)syscall(
		SYS_mmap, at, len, protection, flags, fd, offset);
}

void *
mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
{
	return mmap(at, len, protection, flags, fd, offset);
}

/* ---- names ----------------------------------------------------------- */

int
rename(const char *old, const char *new)
{
	char both[2 * PATH_MAX], path[PATH_MAX];
	size_t len;
	int rc;

	absolute(AT_FDCWD, old, both);
	absolute(AT_FDCWD, new, path);
	if (!is_below_a_root(both) && !is_below_a_root(path))
		return (int)syscall(
			SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
	len = strlen(both) + 1;
	memcpy(both + len, path, strlen(path));
	len += strlen(path);
	pthread_mutex_lock(&lock);
	rc = (int)syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0);
	if (rc == 0)
		record(RECORD_RENAME, 0, 0, both, len);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
unlinkat(int dir, const char *name, int flags)
{
	char path[PATH_MAX];
	int rc;

	absolute(dir, name, path);
	if (!is_below_a_root(path))
		return (int)syscall(SYS_unlinkat, dir, name, flags);
	pthread_mutex_lock(&lock);
	rc = (int)syscall(SYS_unlinkat, dir, name, flags);
	if (rc == 0)
		record_path(RECORD_UNLINK, 0, path);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

/* ---- syncing --------------------------------------------------------- */

static int
sync_any(int fd, long call)
{
	const struct watched *file = watched_at(fd);
	uint64_t number = 0;
	int rc;

	if (file->kind == WATCH_FILE) {
		pthread_mutex_lock(&lock);
		number = ++n_syncs;
		record(RECORD_SYNC, file->number, number, NULL, 0);
		pthread_mutex_unlock(&lock);
	}
	rc = (int)syscall(call, fd);
	if (number != 0 && rc == 0) {
		pthread_mutex_lock(&lock);
		record(RECORD_SYNCED, file->number, number, NULL, 0);
		pthread_mutex_unlock(&lock);
	}
	return rc;
}

int
fsync(int fd)
{
	return sync_any(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return sync_any(fd, SYS_fdatasync);
}

/* ---- clients --------------------------------------------------------- */

int
accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	struct sockaddr_in peer = { 0 };
	socklen_t peer_len = sizeof(peer);
	const int one = (int)syscall(SYS_accept4, fd, address, len, flags);
	const int before = errno;

	if (one >= 0 && one < FDS_MAX && log_fd >= 0 &&
		getpeername(one, (struct sockaddr *)&peer, &peer_len) == 0 &&
		peer.sin_family == AF_INET) {
		pthread_mutex_lock(&lock);
		watched[one].kind = WATCH_CLIENT;
		watched[one].number = ntohs(peer.sin_port);
		watched[one].address = ntohl(peer.sin_addr.s_addr);
		record(RECORD_ACCEPT, watched[one].number, watched[one].address,
			NULL, 0);
		pthread_mutex_unlock(&lock);
	}
	errno = before;
	return one;
}

int
accept(int fd, struct sockaddr *address, socklen_t *len)
{
	return accept4(fd, address, len, 0);
}
