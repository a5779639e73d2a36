/* Our directory: made, filled, and emptied whatever was put there. */
#include "client/private_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fsutil.h"

#define WAITING_MAX 8
#define BASE_MAX 72 /* leaves room for the names of sockets */

/* The user's own directory of this session, or NULL. */
static const char *
runtime_directory(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	return runtime != NULL && runtime[0] == '/' &&
			strlen(runtime) < BASE_MAX && access(runtime, W_OK) == 0
		? runtime
		: NULL;
}

static int
make_in(const char *base, struct private_dir *dir, struct err *err)
{
	(void)snprintf(
		dir->path, sizeof(dir->path), "%s/sallyport-ssh-XXXXXX", base);
	dir->watched = 0;
	if (mkdtemp(dir->path) != NULL)
		return 0;
	dir->path[0] = '\0';
	return err_set_errno(err, "mkdtemp");
}

int
private_dir_open(struct private_dir *dir, struct err *err)
{
	const char *runtime = runtime_directory();

	return make_in(runtime != NULL ? runtime : "/tmp", dir, err);
}

static bool
is_memory(const char *path)
{
	struct statfs fs;

	return path != NULL && statfs(path, &fs) == 0 &&
		(fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

int
private_dir_open_in_memory(struct private_dir *dir, struct err *err)
{
	const char *const places[] = { runtime_directory(), "/dev/shm" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (is_memory(places[i]) && make_in(places[i], dir, err) == 0)
			return 0;
	}
	return err_set(err, ERR_ABSENT, 0,
		"no directory in memory: neither XDG_RUNTIME_DIR nor /dev/shm is a tmpfs of ours");
}

static void
remove_entries(const char *path)
{
	DIR *entries = opendir(path);
	const struct dirent *entry;

	if (entries == NULL)
		return;
	while ((entry = readdir(entries)) != NULL)
		(void)unlinkat(dirfd(entries), entry->d_name, 0);
	(void)closedir(entries);
}

void
private_dir_close(struct private_dir *dir)
{
	if (dir->path[0] == '\0')
		return;
	remove_entries(dir->path);
	(void)rmdir(dir->path);
	dir->path[0] = '\0';
	if (dir->watched > 0)
		(void)close(dir->watched);
	dir->watched = 0;
}

/* What is read is the end of whoever has the other end. */
static void __attribute__((noreturn)) watch(struct private_dir *dir, int end)
{
	sigset_t all;
	char byte;

	(void)setsid();
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)dup2(end, 0);
	closefrom(1);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	private_dir_close(dir);
	_exit(0);
}

int
private_dir_watch(struct private_dir *dir, struct err *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_set_errno(err, "pipe2");
	pid = fork();
	if (pid == 0)
		watch(dir, ends[0]);
	(void)close(ends[0]);
	if (pid > 0) {
		dir->watched = ends[1];
		return 0;
	}
	(void)close(ends[1]);
	return err_set_errno(err, "fork");
}

static int
path_in(const struct private_dir *dir, const char *name,
	char ret_path[PRIVATE_PATH_MAX], struct err *err)
{
	const int len =
		snprintf(ret_path, PRIVATE_PATH_MAX, "%s/%s", dir->path, name);

	return len > 0 && len < PRIVATE_PATH_MAX
		? 0
		: err_set(err, ERR_LIMIT, 0, "a path is too long");
}

int
private_listen(const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const size_t len = strlen(path);
	mode_t before;
	int fd, bound;

	if (len >= sizeof(address.sun_path))
		return err_set(err, ERR_LIMIT, 0,
			"the socket's path is too long: at most %zu bytes",
			sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	before = umask(0177);
	bound = fd < 0
		? -1
		: bind(fd, (const struct sockaddr *)&address, sizeof(address));
	(void)umask(before);
	if (bound == 0 && listen(fd, WAITING_MAX) == 0) {
		*ret_fd = fd;
		return 0;
	}
	(void)err_set(err, ERR_SYSTEM, 0, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return ERR_SYSTEM;
}

int
private_dir_listen(const struct private_dir *dir, const char *name,
	char ret_path[PRIVATE_PATH_MAX], int *ret_fd, struct err *err)
{
	int rc = path_in(dir, name, ret_path, err);

	return rc != 0 ? rc : private_listen(ret_path, ret_fd, err);
}

int
private_dir_write(const struct private_dir *dir, const char *name,
	struct span text, char ret_path[PRIVATE_PATH_MAX], struct err *err)
{
	int rc = path_in(dir, name, ret_path, err);
	int fd;

	if (rc != 0)
		return rc;
	fd = open(ret_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(err, "open");
	rc = fd_write_all(fd, text.data, text.len, err);
	if (close(fd) != 0 && rc == 0)
		rc = err_set_errno(err, "close");
	return rc;
}

static bool
is_our_user(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		peer.uid == geteuid();
}

int
private_accept(int listen_fd)
{
	const int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || is_our_user(fd))
		return fd;
	(void)close(fd);
	return -1;
}
